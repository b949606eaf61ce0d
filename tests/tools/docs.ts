/**
 * The documentation of every export: `lint` it, `test` its examples, or write it as `html`.
 * @module
 */
import { codeBlocks } from "./markdown.ts";
import { filesUnder, root, textOf } from "./files.ts";

const { exports } = JSON.parse(textOf("deno.json")!) as { exports: Record<string, string> };
const modules = Object.values(exports);
const withExamples = ["mod.ts", ...filesUnder("src", ".ts")].filter((path) => hasExample(textOf(path) ?? ""));

const commands: Record<string, readonly string[] | null> = {
  lint: ["doc", "--lint", ...modules],
  test: withExamples.length > 0 ? ["test", "-A", "--doc", ...withExamples] : null,
  html: ["doc", "--html", "--name=@pbft/edge", "--output=.docs", ...modules],
};

/** Whether a comment holds an example that `deno test --doc` would run. */
function hasExample(source: string): boolean {
  return codeBlocks(source.replace(/^ *\* ?/gm, "")).some(({ runs }) => runs);
}

const command = commands[Deno.args[0] ?? ""];
if (command === undefined) {
  console.error(`usage: deno run -A tests/tools/docs.ts ${Object.keys(commands).join(" | ")}`);
  Deno.exit(2);
}
if (command !== null) {
  const { code } = await new Deno.Command(Deno.execPath(), { args: [...command], cwd: root, stdin: "null" }).spawn()
    .status;
  Deno.exit(code);
}
