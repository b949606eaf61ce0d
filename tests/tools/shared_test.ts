import { assertEquals } from "@std/assert";
import { inFolder } from "./folder.ts";
import { root } from "./files.ts";
import { SHARED_FOLDER } from "./shared.ts";

/** Asks three times at once, and says how often it was made. */
const PROGRAM = `
import { shared } from ${JSON.stringify(new URL("tests/tools/shared.ts", root).href)};
let made = 0;
const make = () => Promise.resolve("text " + ++made);
const failing = await shared("a/b c", () => Promise.reject(new Error("no"))).catch(({ message }) => message);
console.log(failing, ...await Promise.all(Array.from({ length: 3 }, () => shared("a/b c", make))), await shared("d", make), made);
`;

async function run(folder?: string): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["eval", PROGRAM],
    clearEnv: folder === undefined,
    env: { NO_COLOR: "1", ...(folder !== undefined && { [SHARED_FOLDER]: folder }) },
  });
  return new TextDecoder().decode((await command.output()).stdout).trim();
}

Deno.test("within a run of the tests a text is made once, by whoever is first; what could not be made is tried again", async () => {
  await inFolder(async (folder) => {
    assertEquals(await run(folder), "no text 1 text 1 text 1 text 2 2");
    // Another process of the run.
    assertEquals(await run(folder), "text 1 text 1 text 1 text 1 text 2 0");
  });
});

Deno.test("without a run it is made each time", async () => {
  assertEquals(await run(), "no text 1 text 2 text 3 text 4 4");
});
