import { fileURLToPath as fromFileUrl } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { root, textOf } from "./tools/files.ts";
import { freeRange } from "./tools/ports.ts";
import { anchors, codeBlocks, namedPaths, pages, pagesWithPrograms, relativeLinks } from "./tools/markdown.ts";

const texts = pages().map((path) => [path, textOf(path)!] as const);

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, root));
    return true;
  } catch {
    return false;
  }
}

/** Why a link of the text at `path` leads nowhere, or `null`. */
function deadLink(path: string, text: string, link: string): string | null {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? path : new URL(file, `file:///${path}`).pathname.slice(1);
  if (!exists(target)) return `${path}: ${link}`;
  if (anchor === undefined || !target.endsWith(".md")) return null;
  const known = anchors(target === path ? text : textOf(target) ?? "");
  return known.includes(anchor) ? null : `${path}: ${link}`;
}

/** The text, whose programs listen where nothing else does, in a file beside it: only there its imports are found. */
function copyOnFreePorts(path: string, text: string): string {
  // `127.0.0.1:${17101 + i}`: a program for a reader names ports, from there on.
  const program = text.replaceAll(/(?<=127\.0\.0\.1:\$\{)\d+(?= \+ i\})/g, () => String(freeRange(4)));
  const copy = Deno.makeTempFileSync({
    dir: fromFileUrl(new URL(".", new URL(path, root))),
    prefix: ".copy-",
    suffix: ".md",
  });
  Deno.writeTextFileSync(copy, program);
  return copy;
}

for (const [path, text] of texts) {
  Deno.test(`every file that ${path} links to or names is there`, () => {
    assertEquals(relativeLinks(text).map((link) => deadLink(path, text, link)).filter((dead) => dead !== null), []);
    assertEquals(namedPaths(text).filter((name) => !exists(name)), []);
  });

  Deno.test(`every task that ${path} names is there`, () => {
    const { tasks } = JSON.parse(textOf("deno.json")!) as { tasks: Record<string, unknown> };
    const named = [...text.matchAll(/\bdeno(?:@[\d.]+)? task ([\w:-]*\w)/g)].map((match) => match[1]!);
    assertEquals(named.filter((name) => !Object.hasOwn(tasks, name)), []);
  });
}

// `deno task check` and `deno task test` check their types. Here they would be checked anew each time, because copies have new names.
Deno.test("every program in a text runs as it stands", async () => {
  const withPrograms = texts.filter(([path]) => pagesWithPrograms().includes(path));
  const copies = withPrograms.map(([path, text]) => copyOnFreePorts(path, text));
  try {
    const command = new Deno.Command(Deno.execPath(), {
      // Programs of examples may import what only they need.
      args: ["test", "-A", "--doc", "--no-check", "--lock=tests/deno.lock", ...copies],
      cwd: root,
      stdin: "null",
    });
    const { success, stdout, stderr } = await command.output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert(success, copies.reduce((text, copy, i) => text.replaceAll(copy, withPrograms[i]![0]), output));
  } finally {
    for (const copy of copies) Deno.removeSync(copy);
  }
});

Deno.test("README, where there is one, and the continuous integration name one and the same Deno and test command", () => {
  const command = /npx --yes deno@([\d.]+)/g;
  const versions = [textOf("README.md") ?? "", textOf(".ci/run")!].flatMap((text) =>
    [...text.matchAll(command)].map((match) => match[1])
  );
  assertEquals(new Set(versions).size, 1);
  for (const task of ["task test", "task cluster"]) {
    assert(textOf("README.md")?.includes(`npx --yes deno@${versions[0]} ${task}`) ?? true, `README lacks ${task}`);
  }
});

const sample = `
# A title: with \`code\`
See [the core](src/core/messages/ids.ts "ids"), [above](#a-title), [the paper](https://example.org/x), \`src/core/nowhere.ts\`.
\`\`\`ts
const link = "[x](not-a-link)";
\`\`\`
\`\`\`ts ignore
await shown;
\`\`\`
\`\`\`sh
ls
\`\`\`
[ref]: ./LICENSE
<img src="docs/a.svg">
`;

Deno.test("links and paths are found in prose, not in code", () => {
  assertEquals(relativeLinks(sample), ["src/core/messages/ids.ts", "#a-title", "./LICENSE", "docs/a.svg"]);
  assertEquals(namedPaths(sample), ["src/core/nowhere.ts"]);
});

Deno.test("links to no file and to no heading are dead", () => {
  const dead = (link: string) => deadLink("CHANGELOG.md", sample, link);
  assertEquals(["LICENSE", "docs/../LICENSE", "#a-title-with-code"].map(dead), [null, null, null]);
  assertEquals(["nowhere.ts", "#a-title"].map(dead), ["CHANGELOG.md: nowhere.ts", "CHANGELOG.md: #a-title"]);
});

Deno.test("programs are the TypeScript blocks that are not marked ignore", () => {
  assertEquals(codeBlocks(sample).map(({ info, runs }) => [info, runs]), [["ts", true], ["ts ignore", false], [
    "sh",
    false,
  ]]);
});

Deno.test("a block within a list is a block", () => {
  const list = "1. So:\n\n   ```sh\n   ls\n     -l\n   ```\n\n2. And.\n";
  assertEquals(codeBlocks(list), [{ info: "sh", code: "ls\n  -l\n", runs: false }]);
});
