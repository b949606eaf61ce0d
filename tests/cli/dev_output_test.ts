/** What `pbft dev` tells of its replicas. */
import { assertEquals } from "@std/assert";
import { DevOutput } from "../../src/cli/dev/dev_output.ts";
import { reload } from "../../src/cli/dev/reload.ts";
import { createTerminal } from "../../src/cli/terminal.ts";
import { inFolder } from "../tools/folder.ts";

/** An output, and the lines that it says, without their times. */
function output(): { readonly output: DevOutput; readonly said: string[] } {
  const said: string[] = [];
  const say = (text: string) => void said.push(text.replace(/^.*\d\d:\d\d:\d\d\S* {2}/, ""));
  const terminal = { ...createTerminal({ print: () => {}, color: "never" }), say };
  return { output: new DevOutput(terminal), said };
}

Deno.test("an event of all replicas is told once, and a suspicion names who has it", () => {
  const { output: dev, said } = output();
  const line = (event: string, message: string, fields: object = {}) =>
    JSON.stringify({ replica: "Candy", level: "warn", event, message, view: 1, ...fields });
  for (const name of ["Candy", "Ball"]) {
    dev.log(name, line("suspicion", "suspects the primary: requests are waiting"));
    dev.log(name, line("view-change", "moving to view 1: f + 1 replicas suspect the primary"));
    dev.log(name, line("new-view", "a new view has started", { primary: "Ball" }));
    dev.log(name, line("store-error", "the store failed"));
  }
  assertEquals(said, [
    "Candy suspects the primary: requests are waiting",
    "moving to view 1: f + 1 replicas suspect the primary",
    "Ball leads (view 1)",
    "Candy: the store failed",
    "Ball: the store failed",
  ]);
});

Deno.test("after Ctrl-C, which ends the checks of a changed machine too, nothing is said of that machine", async () => {
  await inFolder(async (folder) => {
    const { output: dev, said } = output();
    const machine = { path: `${folder}/none.ts`, exportName: undefined, version: "locks/1" };
    const changed = () =>
      reload("none.ts", { machine, output: dev, memory: true } as unknown as Parameters<typeof reload>[1]);
    await changed();
    assertEquals(said.length, 1, "a file that is gone");
    dev.isStopping = true;
    await changed();
    assertEquals(said.length, 1);
  });
});
