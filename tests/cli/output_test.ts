/** Where results cannot be written. */
import { assertEquals, assertMatch } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { CliError } from "../../src/cli/cli_error.ts";
import { PBFT } from "./_dev.ts";

/** Runs `pbft version` in a shell, with its output redirected. */
async function version(redirection: string) {
  const script = `"$0" run -A --quiet "$1" version ${redirection}`;
  const { code, stderr } = await new Deno.Command("sh", { args: ["-c", script, Deno.execPath(), PBFT] }).output();
  return [code, new TextDecoder().decode(stderr)] as const;
}

Deno.test({
  name: "output that cannot be written is an error in a line, and a reader that wants no more is none",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const [code, text] = await version("> /dev/full");
    assertEquals(code, 1);
    assertMatch(text, /^error: standard output: No space left on device; what this command has done stays done\n$/);
    assertEquals(await version("| true"), [0, ""]);
    assertEquals(await version(">&-"), [0, ""]);
  },
});

Deno.test("a verb that is empty has no name near it", async () => {
  try {
    await main([""]);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    assertEquals([error.message, error.lines.next], [
      '"": no such verb (see pbft --help)',
      "pbft --help lists all verbs",
    ]);
    return;
  }
  throw new Error("expected an error");
});
