/** Values of flags that nobody means: empty, and as long as a file. */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { POLICY_FLAGS, policyOf, type PolicyValues } from "../../src/cli/commands/policy_options.ts";
import { createCluster, replicaFiles } from "../../src/cli/local_cluster/data.ts";
import { natural } from "../../src/cli/numbers.ts";

Deno.test("an empty value of a flag that says who is served is refused, not taken for everybody", () => {
  for (const flag of Object.keys(POLICY_FLAGS)) {
    const values = { [flag]: "" } as PolicyValues;
    assertThrows(() => policyOf(values), CliError, `--${flag}: expected a value, got nothing`);
  }
  assertEquals(policyOf({}), {});
});

Deno.test("an error repeats a long value in part, and keeps what it says at the end", () => {
  const error = assertThrows(() => natural("--port", "x".repeat(1_000_000)), CliError, "--port: expected");
  assertLess(error.message.length, 2_000);
  assertEquals(error.message.endsWith("(see --help)"), true, error.message.slice(-40));
  assertEquals(new CliError("one\ntwo").message, "one\ntwo");
});

Deno.test("an address that this machine does not have is an error that names --host", async () => {
  const folder = await Deno.makeTempDir();
  createCluster(folder, 4, (index) => `http://127.0.0.1:${1111 + index}`);
  const script = new URL("../../src/cli/commands/replica.ts", import.meta.url).pathname;
  const args = ["run", "--quiet", "--no-check", "-A", script, "--cluster", `${folder}/cluster.json`, "--name", "Apple"];
  const more = ["--key", replicaFiles(folder, "Apple").key, "--memory", "--start", "new", "--port", "0"];
  // Kept for documentation: no machine has it (RFC 5737).
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, ...more, "--host", "203.0.113.9"],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 1, text);
  assert(text.includes(`--host: expected an address of this machine, got "203.0.113.9"`), text);
  await Deno.remove(folder, { recursive: true });
});
