import { assert, assertEquals } from "@std/assert";
import { TestOutput } from "./test_output.ts";

/** What deno test prints of three files. */
const FAILED = `
./tests/a_test.ts => well ... ok (2ms)
./tests/b_test.ts => slow ... a step ... ok (1s)
./tests/b_test.ts => slow ... ok (1m2s)
./tests/a_test.ts => ill ... FAILED (due to 1 failed step) (13ms)
./tests/a_test.ts => left out ... ignored (0ms)
Uncaught error from ./tests/c_test.ts FAILED

 ERRORS 

ill ... inner => ./tests/a_test.ts:2:41
error: Error: planted
    at file:///tests/a_test.ts:2:67

./tests/c_test.ts (uncaught error)
error: Error: late
${"    at somewhere\n".repeat(99)}
 FAILURES 

ill ... inner => ./tests/a_test.ts:2:41
./tests/c_test.ts (uncaught error)

FAILED | 2 passed (1 step) | 2 failed | 1 ignored (1m3s)

error: Test failed
`.split("\n");

function read(lines: readonly string[]) {
  const output = new TestOutput("tests that wait");
  return { output, shown: lines.flatMap((line) => output.take(line)) };
}

Deno.test("a module that loads files is named without its folder", () => {
  const lines = ["../../tmp/pbft-tests-0f9/core_1_test.js => well ... ok (2ms)", "ok | 1 passed | 0 failed (2ms)"];
  assertEquals(read(lines).shown[0], "    0.0 s  core_1_test.js: 1 passed");
});

Deno.test("what passes is one line for each file, the longest first; what does not is shown as it comes", () => {
  const { shown } = read(FAILED);
  assertEquals(shown.filter((line) => / \.\.\. (?:ok|FAILED|ignored)/.test(line)), [
    "./tests/a_test.ts => ill ... FAILED (due to 1 failed step) (13ms)",
    "./tests/a_test.ts => left out ... ignored (0ms)",
  ]);
  const at = shown.findIndex((line) => line.endsWith("passed"));
  assertEquals(shown.slice(at, at + 3), [
    "   62.0 s  ./tests/b_test.ts: 1 passed",
    "    0.0 s  ./tests/a_test.ts: 1 passed",
    "FAILED | 2 passed (1 step) | 2 failed | 1 ignored (1m3s)",
  ]);
  // All that deno test says of failures is there.
  assertEquals(shown.slice(shown.indexOf(" ERRORS "), at), FAILED.slice(FAILED.indexOf(" ERRORS "), -4));
});

Deno.test("each failure is repeated with its name, its place and its error, no longer than 30 lines", () => {
  const { output } = read(FAILED);
  const repeated = output.repeated("exit code 1");
  assertEquals(repeated.slice(0, 7), [
    "-- tests that wait",
    "",
    "  ill ... inner => ./tests/a_test.ts:2:41",
    "  error: Error: planted",
    "      at file:///tests/a_test.ts:2:67",
    "",
    "  ./tests/c_test.ts (uncaught error)",
  ]);
  assertEquals(repeated.length, 6 + 31);
  assertEquals(repeated.at(-1), "  … 71 more lines");
  // A summary among them would be counted twice.
  assertEquals(repeated.some((line) => /^(?:ok|FAILED) \|/.test(line)), false);
  assertEquals(output.repeated(undefined), []);
});

Deno.test("colours change nothing but how it looks", () => {
  const coloured = FAILED.map((line) =>
    line.replace(/\b(?:ERRORS|FAILED|ok|error)\b| => |\(\d.*\)$/, "\u001b[1m$&\u001b[0m")
  );
  const { output, shown } = read(coloured);
  assertEquals(output.repeated("exit code 1"), read(FAILED).output.repeated("exit code 1"));
  assert(shown.some((line) => line.includes("\u001b[1mFAILED\u001b[0m | 2 passed")));
  assertEquals(shown.some((line) => line.includes("well")), false);
});

Deno.test("of a run that crashed its ending and its last lines are repeated, also after a failure", () => {
  const lines = Array.from({ length: 99 }, (_, i) => `line ${i}`);
  const crashed = read([...lines, "thread 'main' panicked"]).output.repeated("SIGSEGV");
  assertEquals(crashed.slice(0, 3), ["-- tests that wait", "", "  it ended with SIGSEGV; its last lines:"]);
  assertEquals([crashed.length, crashed[3], crashed.at(-1)], [33, "  line 70", "  thread 'main' panicked"]);
  const both = read(FAILED.slice(0, FAILED.indexOf(" FAILURES "))).output.repeated("SIGKILL");
  assert(both.includes("  ill ... inner => ./tests/a_test.ts:2:41"));
  assert(both.includes("  it ended with SIGKILL; its last lines:"));
});

Deno.test("lines of what is repeated, and how many failures are, have a bound", () => {
  const many = Array.from({ length: 50 }, (_, i) => [`t${i} => ./tests/a_test.ts:${i + 1}:1`, "x".repeat(10_000)]);
  const { output } = read([" ERRORS ", ...many.flat(), " FAILURES ", "FAILED | 0 passed | 50 failed (1s)"]);
  const repeated = output.repeated("exit code 1");
  assertEquals(repeated.at(-1), "  and 30 more");
  assertEquals(Math.max(...repeated.map((line) => line.length)), 402);
});
