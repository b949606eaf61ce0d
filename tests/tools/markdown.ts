/**
 * What a test needs to know of a Markdown text: its code and its links.
 * @module
 */
import { filesUnder, textOf } from "./files.ts";

/** A fenced block of code. */
export interface CodeBlock {
  /** What stands after the fence: `ts`, `sh`, `ts ignore`. */
  readonly info: string;
  readonly code: string;
  /** Whether `deno test --doc` runs it: TypeScript or JavaScript that is not marked `ignore`. */
  readonly runs: boolean;
}

/** Within a list the whole block is indented. */
const fence = /^(?<indent> *)(?<fence>```+)(?<info>[^\n`]*)\n(?<code>.*?)^\k<indent>\k<fence>[^\S\n]*$/gms;

/** The fenced blocks, in order, without their indentation. */
export function codeBlocks(text: string): CodeBlock[] {
  return [...text.matchAll(fence)].map(({ groups }) => {
    const [language = "", ...attributes] = groups!.info!.trim().split(/[\s,]+/);
    const runs = /^(?:ts|tsx|js|jsx|mts|mjs|typescript|javascript)$/.test(language) && !attributes.includes("ignore");
    const code = groups!.code!.replaceAll(new RegExp(`^${groups!.indent!}`, "gm"), "");
    return { info: groups!.info!.trim(), code, runs };
  });
}

/** Targets of links and images outside of code, without those that go to other sites. */
export function relativeLinks(text: string): string[] {
  const prose = text.replaceAll(fence, "");
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)/g), ...prose.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?$/gm)];
  const html = prose.matchAll(/\b(?:href|src)="([^"]+)"/g);
  return [...inline, ...html].map((match) => match[1]!).filter((target) =>
    !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target)
  );
}

/** Paths of files that the prose names as code: `` `src/core/replica.ts` ``, `` `tests/std/` ``. */
export function namedPaths(text: string): string[] {
  const prose = text.replaceAll(fence, "");
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
  return spans.filter((span) => /^(?:\.\/)?(?:src|tests|examples|tools|bench|docs|\.ci)\/[\w./-]*$/.test(span));
}

/** What a heading is linked by, as GitHub makes it. */
export function anchors(text: string): string[] {
  const headings = text.replaceAll(fence, "").matchAll(/^#{1,6} +(.+?) *#*$/gm);
  return [...headings].map(([, title]) =>
    title!.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")
  );
}

/** The texts for people, in Markdown, that are there. */
export function pages(): readonly string[] {
  const folders = ["docs", "examples", "tests"].flatMap((folder) => filesUnder(folder, ".md"));
  return ["README.md", "SECURITY.md", "CHANGELOG.md", ...folders].filter((path) => textOf(path) !== undefined);
}

/** Those with programs that run. */
export function pagesWithPrograms(): readonly string[] {
  return pages().filter((path) => codeBlocks(textOf(path)!).some(({ runs }) => runs));
}
