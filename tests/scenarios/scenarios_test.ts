/**
 * Each `*.txt` here is a scenario whose trace is compared with what is written there. `deno test -A tests/scenarios -- --rewrite`
 * writes the traces anew, to be reviewed as a diff. The language is that of `_script.ts`.
 */
import { assert, assertEquals } from "@std/assert";
import { Script } from "./_script.ts";

const here = new URL("./", import.meta.url);
const rewrite = Deno.args.includes("--rewrite");
const names = [...Deno.readDirSync(here)].map(({ name }) => name).filter((name) => name.endsWith(".txt")).sort();

/** The same text with the traces that its commands give now. */
function replayed(text: string): string {
  const script = new Script();
  const blocks = text.trimEnd().split(/\n\n+/).map((block) => {
    const commands = block.split("\n----")[0]!.split("\n");
    const output = commands.flatMap((line) => line.startsWith("#") ? [] : script.run(line));
    return commands.every((line) => line.startsWith("#"))
      ? commands.join("\n")
      : [...commands, "----", ...output].join("\n");
  });
  return `${blocks.join("\n\n")}\n`;
}

for (const name of names) {
  const text = Deno.readTextFileSync(new URL(name, here));
  const [first] = text.split("\n");
  Deno.test(`scenario ${name.replace(".txt", "")}: ${first!.slice(2)}`, () => {
    assert(/^# [A-Z].*\.$/.test(first!), `${name} begins with a sentence`);
    const now = replayed(text);
    if (rewrite) Deno.writeTextFileSync(new URL(name, here), now);
    else assertEquals(now.split("\n"), text.split("\n"));
  });
}
