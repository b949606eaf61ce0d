import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { filesUnder, root } from "./tools/files.ts";
import { V8_FLAGS } from "../src/cli/runtime.ts";
import { ClusterProcess } from "./e2e/_cluster_process.ts";

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

Deno.test("custom_state_machine grants a lock to one, and to the next when it is free", async () => {
  const out = await run("custom_state_machine.ts");
  assertMatch(out, /^ada has it\ngrace was rejected: printer is held by [0-9a-f]{8}\nada released it\ngrace has it\n$/);
});

Deno.test("simulate_your_machine finds the planted bug, and nothing in the fixed queue", async () => {
  const out = await run("simulate_your_machine.ts");
  assertMatch(
    out,
    /^The queue with the bug:\nBROKEN {2}your machine: it gave different results on two replicas[^]*"op":"join"[^]*differs +at \.after\n/,
  );
  assertMatch(out, /The fixed queue:\nnothing is wrong: seed \d+, 4 replicas, \d+ operations, \d+ batches\n$/);
});

Deno.test("client talks to a running cluster", async () => {
  const folder = await Deno.makeTempDir();
  const cluster = await ClusterProcess.start(folder);
  try {
    const out = await run("client.ts", `${folder}/cluster.json`);
    assertMatch(out, /SET greeting: OK\nGET greeting: hello\n100 visits counted, the last is number 100\n/);
    assertMatch(out, /INCR greeting: rejected at \d+: incr: expected an integer/);
    assertMatch(out, /signed that SET signed yes was executed at \d+/);
  } finally {
    await cluster.interrupt();
  }
  await Deno.remove(folder, { recursive: true });
});

/** The commands of `docs/operate.md` and of the applications run them: see `tests/docs_test.ts`. */
const RUN_BY_DOCS_TEST = [
  "examples/command.ts",
  "examples/copy_state.ts",
  "examples/key_file.ts",
  "examples/trouble.ts",
];

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
  const runHere = ["client", "custom_state_machine", "quickstart", "simulate_your_machine"];
  const isOfApplication = (path: string) => APPLICATIONS.some((name) => path.startsWith(`examples/${name}/`));
  assertEquals(
    filesUnder("examples", ".ts").filter((path) => !isOfApplication(path)).sort(),
    [...runHere.map((name) => `examples/${name}.ts`), ...RUN_BY_DOCS_TEST, ...RUN_BY_EDGE_TESTS].sort(),
  );
});

Deno.test("the container image and the systemd unit start replicas with V8's flags of `pbft dev`", async () => {
  for (const path of ["containers/Dockerfile", "systemd/pbft@.service"]) {
    const text = await Deno.readTextFile(new URL(`../examples/${path}`, import.meta.url));
    assertStringIncludes(text, V8_FLAGS, path);
  }
});
