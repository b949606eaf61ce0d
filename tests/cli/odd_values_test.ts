/** Values of flags that nobody means: empty, and as long as a file. */
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { POLICY_FLAGS, policyOf, type PolicyValues } from "../../src/cli/commands/policy_options.ts";
import { createCluster, replicaFiles } from "../../src/cli/local_cluster/data.ts";
import { stateFileOf } from "../../src/cli/members/key_schedule.ts";
import { main } from "../../src/cli/mod.ts";
import { natural } from "../../src/cli/numbers.ts";

Deno.test("an empty value of a flag that says who is served is refused, not taken for everybody", () => {
  for (const flag of Object.keys(POLICY_FLAGS)) {
    const values = { [flag]: "" } as PolicyValues;
    assertThrows(() => policyOf(values), CliError, `--${flag}: expected a value, got nothing`);
  }
  assertEquals(policyOf({}), {});
});

Deno.test("a value of nothing but spaces or commas is refused as an empty one is, and a limit without a bound too", () => {
  for (const flag of Object.keys(POLICY_FLAGS)) {
    assertThrows(
      () => policyOf({ [flag]: " \n" } as PolicyValues),
      CliError,
      `--${flag}: expected a value, got nothing`,
    );
  }
  for (const flag of ["clients", "readers", "hosts", "cors-origins"]) {
    assertThrows(() => policyOf({ [flag]: "," } as PolicyValues), CliError, `--${flag}: expected a value, got ,`);
  }
  for (const limit of ["9".repeat(400), `1/${"9".repeat(400)}`, "1/00"]) {
    assertThrows(() => policyOf({ "client-limit": limit }), CliError, "--client-limit: expected a number per second");
  }
});

Deno.test("a token's file that is empty, a folder or not there is refused with its flag and its path", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/empty`, " \n");
  for (
    const [path, reason] of [[`${folder}/empty`, "an empty file"], [folder, "directory"], [`${folder}/x`, "No such"]]
  ) {
    const error = assertThrows(() => policyOf({ "read-token-file": path! }), CliError);
    assert(error.message.startsWith(`--read-token-file: ${path}: `) && error.message.includes(reason!), error.message);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a file of JSON is refused with the line and the column of its fault, and with a name that stands twice", async () => {
  const folder = await Deno.makeTempDir();
  createCluster(folder, 4, (index) => `http://127.0.0.1:${1111 + index}`);
  const cluster = `${folder}/cluster.json`;
  const whole = await Deno.readTextFile(cluster);
  const file = `${folder}/x.json`;
  const refused = async (text: string, ...args: string[]) => {
    await Deno.writeTextFile(file, text);
    return (await assertRejects(() => main([...args], () => {}), CliError)).message;
  };
  const broken = '{\n  "links": [],\n}';
  const place = "line 3, column 1: expected a name in double quotes";
  const comma = whole.trimEnd().replace(/}$/, ",}");
  assertStringIncludes(
    await refused(comma, "check", file),
    `line ${comma.split("\n").length}, column 2: expected a name`,
  );
  for (
    const args of [["members", "show", file], ["members", "sign", file, "--key", replicaFiles(folder, "Apple").key]]
  ) {
    assertStringIncludes(await refused(broken, ...args, "--cluster", cluster), place);
  }
  const key = replicaFiles(folder, "Apple").key;
  const serve = ["serve", "--cluster", cluster, "--name", "Apple", "--key", key, "--memory", "--chain"];
  assertStringIncludes(await refused(broken, ...serve, file), place);
  assertStringIncludes(await refused("", ...serve, broken), place);
  assertStringIncludes(await refused(broken, "check", cluster, "--config", file), place);
  const twice = '{"approvals": {}, "configuration": {"epoch": 1}, "configuration": {"epoch": 2}}';
  assertStringIncludes(
    await refused(twice, "members", "show", file, "--cluster", cluster),
    "configuration: expected one value, got two",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a state file's path that can't be one is refused with its flag", () => {
  for (const path of ["x".repeat(5_000), "a\0b"]) {
    assertThrows(() => stateFileOf(path, "1".repeat(64)), CliError, "--state: expected the path of a file");
  }
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
