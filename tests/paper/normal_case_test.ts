/**
 * PBFT §4.2, the normal case: one test per sentence that demands something. Signatures and the digest of the body are the gate's
 * (`tests/node/gate_test.ts`).
 */
import { assertEquals, assertExists } from "@std/assert";
import {
  answers,
  batch,
  Bench,
  commit,
  find,
  opening,
  prepare,
  prePrepare,
  refusals,
  request,
  said,
  stages,
  viewChange,
} from "./_bench.ts";
import type { Decision } from "../../src/core/messages/messages.ts";
import { batchOf, signed } from "../core/_messages.ts";

Deno.test("§4.2: the primary gives a request the next number and multicasts its pre-prepare at once, with the body beside it", () => {
  const primary = new Bench(0);
  const ready = primary.take(opening);
  const { view, sequence, digest } = find(ready, "pre-prepare")!;
  assertEquals([Number(view), Number(sequence), said(ready)], [0, 1, ["pre-prepare to all"]]);
  const body = ready.messages.find(({ batch }) => batch)!.batch!;
  assertEquals([body.digest, body.requests.map((one) => one.digest)], [digest, [opening.digest]]);
});

Deno.test("§4.2: with enough batches under way the primary lets requests gather and multicasts them later as a group", () => {
  const primary = new Bench(0);
  primary.take(opening);
  assertEquals([request(1), request(2)].map((one) => said(primary.take(one))), [[], []]);
  const { digest } = primary.cluster.host(0).disk.accepted.get(1)!.batch;
  for (const i of [1, 2]) primary.take(prepare(i, { digest }));
  const executed = [1, 2].map((i) => primary.take(commit(i, { digest })))[1]!;
  assertEquals(find(executed, "pre-prepare")!.sequence, 2 as never);
  assertEquals(executed.messages.find(({ batch }) => batch)!.batch!.requests.length, 2);
});

Deno.test("§4.2: the primary does not go beyond the high watermark", () => {
  const primary = new Bench(0, { settings: { pipelineDepth: 100 }, limits: { maxBatchRequests: 1 } });
  const ready = [opening, ...Array.from({ length: 6 }, (_, i) => request(i + 1))].map((one) => said(primary.take(one)));
  assertEquals(ready.flat().length, 4);
  assertEquals(primary.status.highWatermark, 4 as never);
});

Deno.test("§4.2: a backup that accepts a pre-prepare multicasts a prepare for it and has both in its log", () => {
  const bench = new Bench(1);
  const ready = bench.prePrepare();
  assertEquals([said(ready), stages(ready)], [["prepare to all"], ["pre-prepared"]]);
  assertEquals(find(ready, "prepare"), prepare(1).message);
  assertEquals(ready.records.map(({ kind }) => kind), ["accepted"]);
  assertEquals(bench.status.slots.map(({ stage, prepares }) => [stage, prepares]), [["pre-prepared", 1]]);
});

/** What is wrong, how it is refused. */
const refused: [string, Parameters<Bench["prePrepare"]>[0], string][] = [
  ["of another view than the backup is in", { v: 4 }, "other-view"],
  ["of a backup", { i: 2 }, "not-the-primary"],
  ["of the backup itself", { i: 1 }, "not-the-primary"],
  ["at the low watermark", { n: 0 }, "outside-watermarks"],
  ["above the high watermark", { n: 5 }, "outside-watermarks"],
];
for (const [what, at, reason] of refused) {
  Deno.test(`§4.2: a pre-prepare ${what} is not accepted, and no prepare is sent`, () => {
    const bench = new Bench(1);
    const ready = bench.prePrepare(at);
    assertEquals([refusals(ready), said(ready), ready.records.map(({ kind }) => kind), bench.status.slots], [
      [reason],
      [],
      [],
      [],
    ]);
  });
}

Deno.test("§4.2: the number at the high watermark is accepted", () => {
  assertEquals(said(new Bench(1).prePrepare({ n: 4 })), ["prepare to all"]);
});

Deno.test("§4.2: of two pre-prepares with one view and number and different digests the first alone is accepted", () => {
  const bench = new Bench(1);
  bench.prePrepare();
  const second = bench.prePrepare({ requests: [request(1)] });
  assertEquals([refusals(second), said(second)], [["conflicting"], []]);
  assertEquals(bench.cluster.host(1).disk.accepted.get(1)!.batch.digest, batch(opening).digest);
});

Deno.test("§4.2: the same holds when the body of the first has not arrived yet", () => {
  const bench = new Bench(1);
  assertEquals(said(bench.take(prePrepare(0))), ["fetch to 0"]);
  assertEquals(refusals(bench.prePrepare({ requests: [request(1)] })), ["conflicting"]);
  assertEquals(said(bench.prePrepare()), ["prepare to all"]);
});

Deno.test("§4.2: a backup that has left for another view accepts no pre-prepare of the view that it has left, nor of the next before its new-view", () => {
  const bench = new Bench(2);
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  assertEquals(bench.status.view, 1 as never);
  assertEquals([bench.prePrepare(), bench.prePrepare({ v: 1 })].map(refusals), [["other-view"], ["other-view"]]);
});

Deno.test("§4.2: a prepare counts if it is of the replica's view, within the watermarks, and of a backup", () => {
  const bench = new Bench(1);
  bench.prePrepare();
  assertEquals(refusals(bench.take(prepare(0))), ["from-the-primary"]);
  assertEquals(refusals(bench.take(prepare(2, { n: 5 }))), ["outside-watermarks"]);
  assertEquals(refusals(bench.take(prepare(2, { n: 0 }))), ["outside-watermarks"]);
  const ahead = new Bench(1);
  for (const i of [0, 3]) ahead.take(viewChange(i, 1));
  assertEquals(refusals(ahead.take(prepare(2))), ["other-view"]);
});

for (const [n, needed] of [[4, 2], [5, 3], [6, 3], [7, 4], [8, 5], [10, 6]] as const) {
  Deno.test(`§4.2: prepared needs the pre-prepare and ${needed} prepares of distinct backups that match, own included, with n = ${n}`, () => {
    const bench = new Bench(1, { n });
    bench.prePrepare();
    for (let i = 2; i < needed; i++) {
      assertEquals(stages(bench.take(prepare(i))), []);
      assertEquals(refusals(bench.take(prepare(i))), ["duplicate"]);
    }
    bench.take(prepare(n - 1, { digest: batch(request(9)).digest }));
    assertEquals(bench.status.slots[0]!.stage, "pre-prepared");
    const last = bench.take(prepare(needed));
    assertEquals([stages(last), said(last)], [["prepared"], ["commit to all"]]);
    assertEquals(last.records.map(({ kind }) => kind), ["prepared"]);
  });
}

Deno.test("§4.2: prepares without the pre-prepare make nothing prepared; with it they do, whatever came first", () => {
  const bench = new Bench(1);
  for (const i of [2, 3]) assertEquals([stages(bench.take(prepare(i)))], [[]]);
  const ready = bench.prePrepare();
  assertEquals([stages(ready), said(ready)], [["pre-prepared", "prepared"], ["prepare to all", "commit to all"]]);
});

Deno.test("§4.2: the primary is prepared by the prepares of the backups alone", () => {
  const primary = new Bench(0);
  primary.take(opening);
  const { digest } = primary.cluster.host(0).disk.accepted.get(1)!.batch;
  assertEquals(refusals(primary.take(prepare(0, { digest }))), ["from-the-primary"]);
  assertEquals(stages(primary.take(prepare(1, { digest }))), []);
  assertEquals(stages(primary.take(prepare(2, { digest }))), ["prepared"]);
});

for (const [n, needed] of [[4, 3], [5, 4], [6, 4], [7, 5], [8, 6], [10, 7]] as const) {
  Deno.test(`§4.2: committed-local needs ${needed} commits of distinct replicas that match, with n = ${n}`, () => {
    const bench = new Bench(1, { n });
    bench.prePrepare();
    const committers = [0, ...Array.from({ length: n - 2 }, (_, i) => i + 2)];
    for (const i of committers.slice(0, needed - 1)) {
      assertEquals(stages(bench.take(commit(i))), []);
      assertEquals(refusals(bench.take(commit(i))), ["duplicate"]);
    }
    assertEquals(stages(bench.take(commit(committers[needed - 1]!))), ["committed", "executed"]);
  });
}

Deno.test("§4.2: votes of two views don't add up", () => {
  const bench = new Bench(1);
  bench.prePrepare();
  bench.take(prepare(2, { v: 2 }));
  assertEquals(bench.status.slots[0]!.stage, "pre-prepared");
  for (const i of [0, 2]) bench.take(commit(i));
  assertEquals(stages(bench.take(commit(3, { v: 1 }))), []);
  assertEquals(refusals(bench.take(commit(3))), ["other-view"]);
});

Deno.test("§4.2: commits for two digests don't add up", () => {
  const bench = new Bench(1);
  bench.prePrepare();
  const other = batch(request(9)).digest;
  for (const i of [2, 3]) bench.take(prepare(i));
  assertEquals(stages(bench.take(commit(0, { digest: other }))), []);
  assertEquals(stages(bench.take(commit(2))), []);
  assertEquals(refusals(bench.take(commit(0))), ["conflicting"]);
  assertEquals(stages(bench.take(commit(3))), ["committed", "executed"]);
});

Deno.test("§4.2: a commit outside the watermarks is not accepted", () => {
  const bench = new Bench(1);
  assertEquals([0, 5].map((n) => refusals(bench.take(commit(2, { n })))), [["outside-watermarks"], [
    "outside-watermarks",
  ]]);
});

Deno.test("§4.2: a number is executed only after all lower ones, and then they all are, in order", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  assertEquals(bench.execute(3, request(2, "x=second")), undefined);
  assertEquals(bench.log, []);
  const ready = bench.execute(2, request(1, "x=first"));
  assertEquals([stages(ready), bench.log], [["committed", "executed", "executed"], ["first", "second"]]);
  assertEquals(answers(ready), ["ok 1", "ok 2"]);
});

Deno.test("§4.2: after executing, the replica sends the result to the client and remembers it", () => {
  const bench = new Bench(1);
  assertEquals(answers(bench.execute(1, opening)), ["ok 1"]);
  assertEquals(answers(bench.execute(2, request(1))), ["ok 1"]);
  assertEquals(answers(bench.take(request(1))), ["ok 1"]);
});

Deno.test("§4.2: messages may come in any order: commits, then prepares, then the pre-prepare", () => {
  const bench = new Bench(1);
  for (const i of [0, 2]) bench.take(commit(i));
  for (const i of [2, 3]) bench.take(prepare(i));
  const ready = bench.prePrepare();
  assertEquals(stages(ready), ["pre-prepared", "prepared", "committed", "executed"]);
  assertExists(find(ready, "commit"));
});

Deno.test("§4.2: a replica that lacks only the body of what is committed fetches it, and executes nothing before it is there", () => {
  const bench = new Bench(1);
  assertEquals([0, 2, 3].map((i) => said(bench.take(commit(i)))), [[], [], ["fetch to 0"]]);
  assertEquals(bench.status.lastExecuted, 0 as never);
  const body = batch(opening);
  const other = batch(request(1));
  const blob = (one: typeof body) => ({ digest: one.digest, bytes: one.bytes, batch: one });
  assertEquals(refusals(bench.step({ kind: "blobs", from: 2 as never, blobs: [blob(other)] })), ["not-wanted"]);
  assertEquals(stages(bench.step({ kind: "blobs", from: 2 as never, blobs: [blob(body)] })), ["executed"]);
});

Deno.test("§4.2: a pre-prepare for a number that is executed is not accepted, whatever it says", () => {
  const bench = new Bench(1);
  for (const i of [0, 2, 3]) bench.take(commit(i));
  const body = batch(opening);
  bench.step({ kind: "blobs", from: 2 as never, blobs: [{ digest: body.digest, bytes: body.bytes, batch: body }] });
  assertEquals(bench.status.lastExecuted, 1 as never);
  const late = [bench.prePrepare(), bench.prePrepare({ requests: [request(1)] })];
  assertEquals([late.map(refusals), late.map(said)], [[["already-executed"], ["already-executed"]], [[], []]]);
});

Deno.test("§4.2: the body of a pre-prepare that waits for its time serves when the number is decided", () => {
  const bench = new Bench(1);
  const early = batchOf(bench.cluster.now + 60_000, [opening]);
  const waits = bench.take(prePrepare(0, { digest: early.digest }), early);
  // A primary that is a minute ahead is suspected. Nothing of its batch is said.
  assertEquals([stages(waits), said(waits)], [[], ["suspicion to all"]]);
  const ready = [0, 2, 3].map((i) => bench.take(commit(i, { digest: early.digest })))[2]!;
  // What is decided is agreed time: the pre-prepare's own has come with it, and others may lack this replica's votes.
  assertEquals([stages(ready), said(ready)], [
    ["committed", "executed", "pre-prepared"],
    ["prepare to all", "commit to all", "suspicion to all"], // which it takes back
  ]);
});

Deno.test("§4.2: a proof of a decision takes distinct replicas", () => {
  const bench = new Bench(1);
  bench.prePrepare();
  const proof = (...by: number[]) =>
    signed<Decision>({ kind: "decision", replica: 3 as never, commits: by.map((i) => commit(i)) });
  assertEquals([refusals(bench.take(proof(0, 2, 2))), refusals(bench.take(proof(0, 2)))], [
    ["invalid-certificate"],
    ["invalid-certificate"],
  ]);
  assertEquals(stages(bench.take(proof(0, 2, 3))), ["committed", "executed"]);
});
