/** The public surface: docs/api.md lists what is exported, and the root stays small and shadows no global. */
import { assert, assertEquals } from "@std/assert";
import { root, textOf } from "./tools/files.ts";

const { exports } = JSON.parse(textOf("deno.json")!) as { exports: Record<string, string> };
const page = textOf("docs/api.md") ?? "";

async function output(args: readonly string[], cwd: URL | string = root): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd, stdin: "null", env: { NO_COLOR: "1" } });
  const { stdout, stderr } = await command.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

type Documented = Record<string, { readonly symbols?: readonly { readonly name: string }[] }>;
let documented: Promise<Documented> | undefined;

/** The names that a module exports, sorted. All modules are read in one go: they share most files. */
async function namesOf(path: string): Promise<string[]> {
  const nodes = await (documented ??= document(Object.values(exports)));
  const { symbols = [] } = nodes[new URL(path, root).href]!;
  return [...new Set(symbols.map(({ name }) => name))].sort();
}

async function document(paths: readonly string[]): Promise<Documented> {
  const args = ["doc", "--json", ...paths];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null" }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).nodes;
}

/** The names that docs/api.md lists for an export, sorted. */
function listed(name: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`\`@pbft/edge${name.slice(1)}\`\n`)) ?? "";
  return [...section.matchAll(/^\| \[`(\w+)`\]/gm)].map((match) => match[1]!).sort();
}

/** Those of the names that a global has: a value or a type, in Deno or in a page. */
async function globalsAmong(names: readonly string[]): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const lines = names.flatMap((name, i) => [`export type T${i} = ${name};`, `export type V${i} = typeof ${name};`]);
    await Deno.writeTextFile(`${folder}/names.ts`, lines.join("\n"));
    const compilerOptions = { lib: ["deno.window", "dom", "esnext"] };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ compilerOptions }));
    const unknown = [...(await output(["check", "names.ts"], folder)).matchAll(/Cannot find name '(\w+)'/g)];
    return names.filter((name) => unknown.filter((match) => match[1] === name).length < 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("docs/api.md has a section for each export", () => {
  const sections = [...page.matchAll(/^## `@pbft\/edge(.*)`$/gm)].map((match) => `.${match[1]}`);
  assertEquals(sections.sort(), Object.keys(exports).sort());
});

for (const [name, path] of Object.entries(exports)) {
  Deno.test(`docs/api.md lists what ${name} exports, and nothing else`, async () => {
    assertEquals(listed(name), await namesOf(path));
  });
}

Deno.test("the root has at most 50 names, none of which is a global's", async () => {
  const names = await namesOf(exports["."]!);
  assert(names.length <= 50, `${names.length} names`);
  assertEquals(await globalsAmong([...names, "Request", "Event", "Node", "fetch"]), [
    "Request",
    "Event",
    "Node",
    "fetch",
  ]);
});
