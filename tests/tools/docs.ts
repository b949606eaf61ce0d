/**
 * The documentation of every export: `lint` it, or `test` its examples. `types` checks those of the examples, and of the programs in texts;
 * what has been checked, and is as it was, is not checked again.
 * @module
 */
import { codeBlocks, pagesWithPrograms } from "./markdown.ts";
import { filesUnder, root, textOf } from "./files.ts";

const { exports } = JSON.parse(textOf("deno.json")!) as { exports: Record<string, string> };
const modules = Object.values(exports);
const withExamples = ["mod.ts", ...filesUnder("src", ".ts")].filter((path) => hasExample(textOf(path) ?? ""));

const TEST = ["test", "-A", "--lock=tests/deno.lock", "--doc"];
const types = [...TEST, "--quiet", "--no-run", ...withExamples, ...pagesWithPrograms()];

const commands: Record<string, readonly (readonly string[])[]> = {
  lint: [["doc", "--lint", ...modules]],
  types: [types],
  test: [types, ...withExamples.length > 0 ? [[...TEST, "--no-check", ...withExamples]] : []],
};

/** Whether a comment holds an example that `deno test --doc` would run. */
function hasExample(source: string): boolean {
  return codeBlocks(source.replace(/^ *\* ?/gm, "")).some(({ runs }) => runs);
}

/** What the linter may say: these types are a dependency's, and people get them from there. Hono's client `hc` takes no other type. */
const EXCUSED =
  /^error\[private-type-ref\]: public type .* references private type '(?:Hono|Tracer|Meter|SpanContext)'$/;

const chosen = commands[Deno.args[0] ?? ""];
if (chosen === undefined) {
  console.error(`usage: deno run -A tests/tools/docs.ts ${Object.keys(commands).join(" | ")}`);
  Deno.exit(2);
}
for (const command of chosen) {
  const isLint = command.includes("--lint");
  const child = new Deno.Command(Deno.execPath(), {
    args: [...command],
    cwd: root,
    stdin: "null",
    ...(isLint && { stderr: "piped", env: { NO_COLOR: "1" } }),
  }).spawn();
  const text = isLint ? await new Response(child.stderr).text() : "";
  const { code } = await child.status;
  const errors = text.match(/^error\[.*$/gm) ?? [];
  const isExcused = code !== 0 && errors.length > 0 && errors.every((error) => EXCUSED.test(error));
  if (!isExcused) await Deno.stderr.write(new TextEncoder().encode(text));
  if (code !== 0 && !isExcused) Deno.exit(code);
}
