/**
 * Turns the repository's texts into the pages of a site: every link that a reader of the repository can follow leads to a page of the site.
 *
 * | in the repository | on the site |
 * | --- | --- |
 * | `README.md`, `SECURITY.md`, `CHANGELOG.md` | `/`, `/security`, `/changelog` |
 * | `docs/NAME.md` | `/NAME` |
 * | `examples/NAME/README.md` | `/examples/NAME` |
 * | any other file or folder that a page links to | `/source/PATH.html`, its text |
 * | a name in `docs/api.md` | its page in the API reference |
 *
 * @module
 */
import { filesUnder, root, textOf } from "../files.ts";

/** The site's pages and other files, by their paths in the site's source folder. */
export interface Staged {
  readonly pages: ReadonlyMap<string, string>;
  /** Texts of files that are served as they are. */
  readonly files: ReadonlyMap<string, string>;
}

/** Files that are shown as they are, not as a page. */
const AS_IS = /^docs\/.*\.(?:svg|json)$/;

/** A fenced block, or code within a line. */
const CODE = /^( *)(```+)[^\n]*\n[\s\S]*?^\1\2[^\S\n]*$|(`+)(?!`)(?:[^\n]|\n(?![\n|]))*?[^`]\3(?!`)/gm;
/** Stands for code that is put aside: a character for private use. */
const MARK = "\ue000";

/** The texts that are pages, by path in the repository. */
export function pagesOf(): ReadonlyMap<string, string> {
  const examples = filesUnder("examples", ".md").filter((path) => path.endsWith("/README.md"));
  const paths = ["README.md", "SECURITY.md", "CHANGELOG.md", ...filesUnder("docs", ".md"), ...examples];
  return new Map(paths.map((path) => [path, textOf(path)!]));
}

/** The path of a text's page in the site's source folder. */
export function pagePath(path: string): string {
  if (path === "README.md") return "index.md";
  if (path === "SECURITY.md" || path === "CHANGELOG.md") return path.toLowerCase();
  if (path.endsWith("/README.md")) return `${path.slice(0, -"/README.md".length)}.md`;
  return path.slice("docs/".length);
}

/** The path of the page that shows a source file. */
function sourcePath(path: string): string {
  return `source/${path}.html`;
}

/** Makes the pages of the site. `inReference`: whether the API reference has this file, such as `client/~/Client.html`. */
export function stage(inReference: (file: string) => boolean): Staged {
  const texts = pagesOf();
  const files = new Map<string, string>();
  const targetOf = (from: string, link: string): string => {
    const [target, anchor] = split(link);
    if (target === "" || target.startsWith("/")) return link;
    const found = resolve(from, target);
    const page = [found, `${found}/README.md`].find((one) => texts.has(one));
    if (page !== undefined) return `/${pagePath(page)}${anchor}`;
    const isShown = !AS_IS.test(found);
    const name = isShown ? sourcePath(found) : found.replace(/^docs\//, "");
    files.set(name, isShown ? sourcePage(found) : textOf(found)!);
    return `/${name}`;
  };
  const pages = new Map([...texts].map(([path, text]) => {
    const source = path === "docs/api.md"
      ? withReference(text, inReference)
      : path === "docs/seeing.md"
      ? withLivePage(text)
      : text;
    return [pagePath(path), mapLinks(source, (link) => targetOf(path, link))];
  }));
  return { pages, files };
}

/** The page of a source file: its text, numbered by line. Of a folder: the names in it. */
function sourcePage(path: string): string {
  const lines = isFolder(path)
    ? filesUnder(path, "").map((name) => name.slice(path.length + 1))
    : (textOf(path) ?? "").trimEnd().split("\n");
  const items = lines.map((line) => `<li>${escaped(line)}</li>`).join("");
  const title = escaped(path);
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>body { font: 14px/1.5 system-ui; margin: 1rem 1.5rem } ol { font: 13px/1.5 ui-monospace, monospace; white-space: pre; tab-size: 2;
overflow-x: auto; padding-left: 4em } li::marker { color: gray }</style>
<p><a href="${"../".repeat(path.split("/").length)}">@pbft/edge</a></p>
<h1>${title}</h1>
<ol>${items}</ol>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** The text with the live page after its first paragraph. */
function withLivePage(text: string): string {
  const [title, introduction, ...rest] = text.split("\n\n");
  const frame =
    `<iframe class="live" src="live/index.html#lesson=one-request" title="The live page" loading="lazy"></iframe>`;
  return [title, introduction, frame, "[Open it by itself](/live/index.html).", ...rest].join("\n\n");
}

/** Gives `text` links of each name to its page in the reference, instead of to its file. */
function withReference(text: string, inReference: (file: string) => boolean): string {
  const [start = "", ...sections] = text.split(/^(?=## )/m);
  const linked = sections.map((section) => {
    const entry = /^## `@pbft\/edge(?:\/(.*))?`$/m.exec(section)?.[1];
    const folder = entry === undefined ? "" : `${entry}/`;
    return section.replaceAll(/^\| \[`(\w+)`\]\([^)]*\)/gm, (row, name) => {
      const file = `${folder}~/${name}.html`;
      return inReference(file) ? `| [\`${name}\`](/api/${file})` : row;
    });
  });
  return `${start}The names lead to the [reference](/api/index.html).\n\n${linked.join("")}`;
}

/** Replaces the targets of the links and images of a text that do not lead to other sites. Code is left alone. */
export function mapLinks(text: string, map: (link: string) => string): string {
  const isOther = (link: string) => /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(link);
  const target = /(\]\(\s*<?)([^)\s>]+)/g;
  return outsideOfCode(
    text,
    (prose) => prose.replaceAll(target, (whole, start, link) => isOther(link) ? whole : start + map(link)),
  );
}

/** Applies `map` to what is no code. Code may be the text of a link, so it is put aside, and back afterwards. */
function outsideOfCode(text: string, map: (prose: string) => string): string {
  const held: string[] = [];
  const prose = text.replaceAll(CODE, (code) => `${MARK}${held.push(code) - 1}${MARK}`);
  return map(prose).replaceAll(new RegExp(`${MARK}(\\d+)${MARK}`, "g"), (_, index) => held[Number(index)]!);
}

function split(link: string): [target: string, anchor: string] {
  const at = link.indexOf("#");
  return at < 0 ? [link, ""] : [link.slice(0, at), link.slice(at)];
}

function resolve(from: string, target: string): string {
  return decodeURIComponent(new URL(target, `file:///${from}`).pathname.slice(1)).replace(/\/$/, "");
}

function isFolder(path: string): boolean {
  return Deno.statSync(new URL(path, root)).isDirectory;
}
