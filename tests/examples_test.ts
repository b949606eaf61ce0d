import { assertEquals, assertMatch } from "@std/assert";
import { filesUnder, root } from "./tools/files.ts";

/** Runs an example as a user would. */
async function run(name: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", `examples/${name}`, ...args],
    cwd: root,
    stdin: "null",
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals([code, error], [0, ""]);
  return out!;
}

Deno.test("quickstart orders one operation and shows who signed for it", async () => {
  const out = await run("quickstart.ts");
  assertMatch(out, /SET name Ada: executed at sequence number \d+/);
  assertMatch(out, /GET name: Ada/);
  assertMatch(out, /2 of 4 replicas signed for the SET: (Apple|Ball|Candy|Dog), (Apple|Ball|Candy|Dog)/);
});

/** The commands of pages run them, and print what the pages say: see `tests/docs_test.ts`. */
const RUN_BY_DOCS_TEST = ["client", "copy_state", "custom_state_machine", "key_file", "simulate_your_machine"];

/** What `tests/edge` runs; `mixed/main.ts` only starts what is in `members.ts` and waits. */
const RUN_BY_EDGE_TESTS = [
  "examples/cloudflare/worker.ts",
  "examples/deno_deploy/main.ts",
  "examples/deno_deploy/replica.ts",
  "examples/mixed/main.ts",
  "examples/mixed/members.ts",
  "examples/node/main.ts",
];

/** `tests/examples` runs the machines, clients and pages of the applications, `tests/docs_test.ts` the commands of their READMEs. */
const APPLICATIONS = ["locks", "releases", "flags", "browser", "pages"];

Deno.test("every example is run by a test", () => {
  const runHere = ["quickstart"];
  const isOfApplication = (path: string) => APPLICATIONS.some((name) => path.startsWith(`examples/${name}/`));
  assertEquals(
    filesUnder("examples", ".ts").filter((path) => !isOfApplication(path)).sort(),
    [...[...runHere, ...RUN_BY_DOCS_TEST].map((name) => `examples/${name}.ts`), ...RUN_BY_EDGE_TESTS].sort(),
  );
});
