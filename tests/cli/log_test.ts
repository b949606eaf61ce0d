import { assertEquals } from "@std/assert";
import { replicaId, sequenceNumber, view } from "../../src/core/ids.ts";
import { Log } from "../../src/cli/log.ts";

function setUp() {
  const lines: string[] = [];
  const timer = { at: 0, monotonic: () => timer.at };
  return { lines, timer, log: new Log("Ball", timer, (line) => lines.push(line)) };
}

Deno.test("a line has the replica's name before it", () => {
  const { lines, log } = setUp();
  log.onEvent({ kind: "state-transfer", phase: "started", sequence: sequenceNumber(256) });
  assertEquals(lines, ["Ball   fetching the state at 256: started"]);
});

Deno.test("what comes in floods is said once, and later how often it came", () => {
  const { lines, timer, log } = setUp();
  const reject = () => log.onRejected({ kind: "prepare", reason: "wrong-signature", detail: `${Math.random()}` });
  for (let i = 0; i < 1000; i++) reject();
  timer.at = 10_000;
  reject();
  timer.at = 20_000;
  reject();
  assertEquals(lines, [
    "Ball   rejected a message (prepare): wrong-signature",
    "Ball   rejected a message (prepare): wrong-signature (and 999 more before)",
    "Ball   rejected a message (prepare): wrong-signature",
  ]);
});

Deno.test("what contradicts itself is said, what is merely late is not", () => {
  const { lines, log } = setUp();
  const event = { kind: "discarded", message: "commit", from: replicaId(2) } as const;
  log.onEvent({ ...event, reason: "duplicate" });
  log.onEvent({ ...event, reason: "conflicting" });
  assertEquals(lines, ["Ball   discarded a commit that contradicts an earlier one of replica 2"]);
});

Deno.test("what comes while the replica stops is not worth a line", () => {
  const { lines, log } = setUp();
  log.onRejected({ kind: "unknown", reason: "unavailable", detail: "the node is closed" });
  assertEquals(lines, []);
});

Deno.test("a change of view is said, with its reason and its outcome", () => {
  const { lines, log } = setUp();
  log.onEvent({ kind: "view-change", view: view(1), why: "no-progress" });
  log.onEvent({ kind: "new-view", view: view(1), primary: replicaId(1), prepared: 2 });
  assertEquals(lines, ["Ball   leaves for view 1: no-progress", "Ball   view 1 has started, replica 1 is its primary"]);
});
