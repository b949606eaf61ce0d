import { assert, assertEquals, assertMatch } from "@std/assert";
import { millis, replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import { Log, type LogOptions } from "../../src/runtime/log/log.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];
const AT = Date.UTC(2026, 10, 26, 9, 30);

function setUp(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const timer = { at: 0, monotonic: () => timer.at, now: () => millis(AT + timer.at) };
  const print = (line: string) => lines.push(line);
  return { lines, timer, log: new Log({ name: "Ball", members: NAMES, timer, print, ...options }) };
}

Deno.test("a line has time, level, replica, what happened in plain words, and fields", () => {
  const { lines, log } = setUp();
  log.onEvent({ kind: "suspicion", view: view(1), why: "no-progress" });
  log.onEvent({ kind: "view-change", view: view(1), why: "suspected" });
  log.onEvent({ kind: "new-view", view: view(1), primary: replicaId(1), prepared: 2 });
  log.onEvent({ kind: "state-transfer", phase: "started", sequence: sequenceNumber(256) });
  assertEquals(lines, [
    "2026-11-26T09:30:00.000Z WARN  Ball   suspects the primary: requests are waiting, but none was executed in time  view=1 reason=no-progress",
    "2026-11-26T09:30:00.000Z WARN  Ball   moving to view 1: f + 1 replicas suspect the primary  view=1 reason=suspected",
    "2026-11-26T09:30:00.000Z INFO  Ball   a new view has started  view=1 primary=Ball carriedOver=2",
    "2026-11-26T09:30:00.000Z INFO  Ball   this replica is behind: it is fetching the state of a checkpoint from the others  phase=started checkpoint=256",
  ]);
});

Deno.test("as JSON, a line is one object with the same in it", () => {
  const { lines, log } = setUp({ format: "json" });
  log.onEvent({ kind: "new-view", view: view(1), primary: replicaId(1), prepared: 2 });
  assertEquals(lines.map((line) => JSON.parse(line)), [{
    time: "2026-11-26T09:30:00.000Z",
    level: "info",
    replica: "Ball",
    event: "new-view",
    message: "a new view has started",
    view: 1,
    primary: "Ball",
    carriedOver: 2,
  }]);
});

Deno.test("what comes in floods is said once, and later how often it came", () => {
  const { lines, timer, log } = setUp();
  const reject = () => log.onRejected({ kind: "prepare", reason: "wrong-signature", detail: "its signature is wrong" });
  for (let i = 0; i < 1000; i++) reject();
  timer.at = 10_000;
  reject();
  timer.at = 20_000;
  reject();
  assertEquals(lines.map((line) => line.slice(line.indexOf("Z ") + 2)), [
    'WARN  Ball   refused a message  kind=prepare reason=wrong-signature detail="its signature is wrong"',
    'WARN  Ball   refused a message  kind=prepare reason=wrong-signature detail="its signature is wrong" repeated=999',
    'WARN  Ball   refused a message  kind=prepare reason=wrong-signature detail="its signature is wrong"',
  ]);
});

Deno.test("lines that all differ are no flood either: a hundred at once, ten a second, and how many are missing", () => {
  const { lines, timer, log } = setUp();
  for (let i = 0; i < 10_000; i++) log.onEvent({ kind: "view-change", view: view(i), why: "others-moved" });
  assertEquals(lines.length, 100);
  for (timer.at = 0; timer.at < 60_000; timer.at += 10) {
    log.onEvent({ kind: "view-change", view: view(100_000 + timer.at), why: "others-moved" });
  }
  assert(lines.length <= 100 + 600, `${lines.length}`);
  assert(lines.length >= 100 + 590, `${lines.length}`);
  assertMatch(lines[100]!, / linesLeftOut=99\d\d$/);
});

Deno.test("one event is one line, whatever it contains: no line breaks, no control sequences for a terminal", () => {
  for (const format of ["text", "json"] as const) {
    const { lines, log } = setUp({ format });
    const nasty = "a\nb\r\u001b[2J\u0000\u009b\u202e\u2028 c";
    log.onEvent({ kind: "operation-failed", sequence: sequenceNumber(1), error: nasty, stack: nasty });
    log.write({ event: "x", message: nasty, fields: { nasty, time: "never", level: "none" } });
    assertEquals(lines.length, 2);
    for (const line of lines) assert(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line), JSON.stringify(line));
    if (format === "text") continue;
    const { time, level, message } = JSON.parse(lines[1]!);
    assertEquals([time, level, message], ["2026-11-26T09:30:00.000Z", "info", nasty]);
  }
});

Deno.test("no line contains the private key, whatever an error contains", () => {
  const secret = "0123456789abcdef".repeat(4);
  for (const format of ["text", "json"] as const) {
    const { lines, log } = setUp({ format, secrets: [secret] });
    log.defect("a request met a defect", new Error(`with ${secret} in it`));
    log.write({ event: "x", message: secret, fields: { a: secret, b: `x${secret}` } });
    assertEquals(lines.length, 2);
    for (const line of lines) assertEquals([line.includes(secret), line.includes("[secret]")], [false, true]);
  }
});

Deno.test("a field of megabytes makes no line of megabytes", () => {
  const { lines, log } = setUp();
  log.write({ event: "x", message: "much", fields: { text: "a".repeat(1_000_000) } });
  assert(lines[0]!.length < 5_000);
});

Deno.test("a message that contradicts another is logged with its sender's name, a late one is not logged", () => {
  const { lines, log } = setUp();
  const event = { kind: "discarded", message: "commit", from: replicaId(2) } as const;
  log.onEvent({ ...event, reason: "duplicate" });
  log.onEvent({ ...event, reason: "conflicting" });
  log.onEvent({ kind: "contradiction", message: "commit", accused: replicaId(2), sequence: sequenceNumber(7) });
  assertEquals(lines.length, 2);
  assertMatch(lines[0]!, /from=Candy kind=commit$/);
  assertMatch(lines[1]!, /GET \/evidence has the proof {2}accused=Candy kind=commit sequence=7$/);
});

Deno.test("messages that arrive while the replica stops are not logged", () => {
  const { lines, log } = setUp();
  log.onRejected({ kind: "unknown", reason: "unavailable", detail: "the node is closed" });
  assertEquals(lines, []);
});

Deno.test("a clock that is no time stops no line", () => {
  const { lines, log } = setUp({ timer: { now: () => millis(8.65e15), monotonic: () => 0 } });
  log.write({ event: "x", message: "said" });
  assertEquals(lines, ["unknown time INFO  Ball   said"]);
});

Deno.test("the author of a state machine finds where it failed", () => {
  const { lines, log } = setUp({ format: "json" });
  const stack = "Error: a bug\n    at execute (machine.ts:7:9)";
  log.onEvent({ kind: "operation-failed", sequence: sequenceNumber(1), error: "Error: a bug", stack });
  assertEquals(JSON.parse(lines[0]!).stack, stack);
});

Deno.test("trouble on the way to a member is one line each, at its level, and not a flood", () => {
  const { lines, log } = setUp({ format: "json" });
  const peer = replicaId(2);
  log.onHostEvent({ kind: "peer-unreachable", peer, reason: "refused" });
  for (let i = 0; i < 50; i++) log.onHostEvent({ kind: "socket-failed", peer, reason: `for ${i} ms`, retryMs: i });
  log.onHostEvent({ kind: "peer-reached", peer, afterMs: 12.4 });
  log.onHostEvent({ kind: "accept-failed", reason: "Too many open files" });
  log.onHostEvent({ kind: "store-works" });
  const entries = lines.map((line) => JSON.parse(line));
  assertEquals(entries.map(({ event, level }) => [event, level]), [
    ["peer-unreachable", "warn"],
    ["socket-failed", "warn"],
    ["peer-reached", "info"],
    ["accept-failed", "warn"],
    ["store-works", "info"],
  ]);
  assertEquals([entries[0].reason, entries[2].afterMs], ["refused", 12]);
});
