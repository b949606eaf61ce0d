/** The machine of docs/state_machine.md, and what the page does with it. */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { root, textOf } from "../tools/files.ts";
import { inFolder } from "../tools/folder.ts";
import { codeBlocks } from "../tools/markdown.ts";
import { PBFT, pbft } from "./_dev.ts";

Deno.test("the machine of the docs passes the test that stands beside it, and a simulation", async () => {
  const blocks = codeBlocks(textOf("docs/state_machine.md")!).map(({ code }) => code);
  const machine = blocks.find((code) => code.includes("export const bank = defineMachine"))!;
  const test = blocks.find((code) => code.includes("testMachine(bank)"))!;
  await inFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/bank.ts`, machine);
    await Deno.writeTextFile(`${cwd}/bank_test.ts`, test);
    const config = fileURLToPath(new URL("deno.json", root));
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-lock", "--config", config, "bank_test.ts"],
      cwd,
      env: { NO_COLOR: "1" },
    });
    const { stdout, stderr } = await command.output();
    const said = [...test.matchAll(/; \/\/ (.*)$/gm)].map(([, comment]) => comment);
    assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), said, new TextDecoder().decode(stderr));
    // What the machine imports is not to be written into the lock file of the repository.
    const program = [Deno.execPath(), "run", "-A", "--quiet", "--no-lock", PBFT];
    const { code, out, err } = await pbft(["simulate", "bank.ts", "--runs", "1"], { cwd, program });
    assertEquals([code, out.split("\n").length], [0, 1], out + err);
  });
});
