/**
 * What a PBFT implementation must survive, line by line; where each is held. "sim": only the simulator has it, as a run and not as a
 * message. Names are of tests, shortened; `§` are those in `tests/paper`, `.txt` those in `tests/scenarios`.
 *
 * | # | attack | held by |
 * | --- | --- | --- |
 * | 1 | two pre-prepares for one (v, n) | §4.2 "the first alone", view_change_equivocating_primary.txt, here |
 * | 2 | votes that are wrong, doubled, early | §4.2 "prepared needs", "committed-local needs", invalid_votes.txt; non-members: node/gate |
 * | 3 | a signature replayed as another kind, view or cluster | node/gate "a signature must be its signer's"; view: it is signed, wire/golden |
 * | 4 | n = 5, 6, 8 | here, §4.2 and §4.3 for each n |
 * | 5 | a body that is not hashed | node/gate "a pre-prepare's body must have the digest", "a blob has its digest computed" |
 * | 6 | gaps, jumps, no number | view_change_gap.txt, view_change_silent_primary.txt, checkpoints_and_watermarks.txt, here |
 * | 7 | operations that throw | core/normal_case "what the state machine rejects" |
 * | 8 | wild timestamps | here, core/normal_case "ahead of a backup's clock", early_timestamp.txt |
 * | 9 | authenticators that some accept | signatures only: node/gate verifies alike everywhere; here: a request that a backup was not sent |
 * | 10 | a primary just under the timeout | here |
 * | 11 | a starved client, a replica left out | starved_client.txt, primary_leaves_one_out.txt |
 * | 12 | retransmission after execution, or eviction | §4.1 "answered again", here, core/client_table "a flood of new sessions" |
 * | 13 | one timestamp, two operations; far ahead | core/client_table, here |
 * | 14 | floods | here, node/node "the inbox is bounded", node/outbox, node/blob_server |
 * | 15 | new-views of fabricated, doubled, few view-changes | §4.4 "a new-view … is not accepted"; signatures: node/gate "a forged vote in a certificate" |
 * | 16 | an invalid certificate that masks a valid one | here, §4.4 "a view-change … is not accepted" |
 * | 17 | prepared state dropped | §4.4 "what prepared stays", restart_after_new_view.txt, here |
 * | 18 | a wrong O | §4.4 "a new-view … is not accepted", new_view_wrong_o_refused.txt |
 * | 19 | certificates of several views | §4.4 "O has a pre-prepare", highest_view_wins.txt |
 * | 20 | huge numbers, huge views | §4.4 "a view-change …", §4.5.2 "f liars never force", huge_view_of_one_liar.txt |
 * | 21 | old view-changes replayed | old_view_changes_replayed.txt, §4.4 "a view starts once" |
 * | 22 | one alone ahead | one_alone_ahead.txt, §4.5.2 "f liars", §4.4 "from then on it accepts nothing" |
 * | 23 | different views after a partition | different_views_meet.txt, §4.5.2 "only with a quorum" |
 * | 24 | commit quorum and timeout at once | decide_and_timeout_at_once.txt, here |
 * | 25 | the new primary lacks a body or is behind | new_primary_lacks_a_body.txt, view_change_to_one_that_is_behind.txt, §4.4 |
 * | 26 | successive primaries faulty | two_primaries_faulty.txt, §4.5.2 "twice the time" |
 * | 27 | view change and state transfer at once | state_transfer_during_view_change.txt, view_change_to_one_that_is_behind.txt |
 * | 28 | diverging state | here, core/client_table "the chunks of equal tables are equal" |
 * | 29 | a certificate for state that nobody has | here, checkpoint_of_one_liar.txt, §4.3 |
 * | 30 | a laggard without traffic | state_transfer.txt, catching_up_without_traffic.txt |
 * | 31 | a source that lies, stalls, crashes | state_transfer_lying_source.txt, …_stalling_source.txt, …_source_crashes.txt |
 *
 * The peers' scenarios: basic ordering: normal_case.txt. Restart of followers: followers_restart.txt. Primary partitioned:
 * primary_cut_off_before_a_decision.txt, …_after_a_decision.txt. n = 7 with two primaries gone: two_primaries_faulty.txt. View change
 * with nothing waiting: view_change_with_nothing_waiting.txt. Catching up with and without traffic, and during a view change: state_transfer.txt,
 * catching_up_without_traffic.txt, state_transfer_during_view_change.txt. Restarts: restart_after_view_change.txt,
 * restart_after_new_view.txt. One left out: primary_leaves_one_out.txt. A changed pre-prepare: primary_changes_its_pre_prepare.txt.
 * A restarted primary: restarted_primary_does_not_repropose.txt. Prepared everywhere, at one; committed at one: prepared_is_carried_over.txt,
 * prepared_at_one_alone.txt, committed_at_one.txt. Quorum lost: quorum_lost_in_mid_view_change.txt. Two paths: delivered_by_two_paths.txt.
 * Decide and abort: decide_and_timeout_at_once.txt. Rebooted in turn: rebooted_in_turn.txt. Chaotic start: chaotic_start.txt. Random
 * kills: core/view_change (60 seeds). A late replica: state_transfer.txt. Conflicting proposals: conflicting_proposals_under_partition.txt.
 * Oversized proposals: node/gate "a batch within the limits". Invalid votes: invalid_votes.txt. A truncated log: stores.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvariantError } from "../src/core/invariant.ts";
import type { ReplicaId } from "../src/core/messages/ids.ts";
import { maxFaulty, quorum, weakQuorum } from "../src/core/messages/quorum.ts";
import { TestClient } from "./core/_client.ts";
import { Cluster } from "./core/_cluster.ts";
import { batchOf, show, signedRequest } from "./core/_messages.ts";
import {
  type ADA,
  answers,
  batch,
  Bench,
  checkpoint,
  commit,
  find,
  opening,
  prepare,
  prepared,
  prePrepare,
  refusals,
  request,
  said,
  SETTINGS,
  stages,
  viewChange,
} from "./paper/_bench.ts";

Deno.test("1: after a restart, too, a backup prepares nothing else at a number than what it has prepared", () => {
  const bench = new Bench(1);
  bench.prePrepare();
  bench.cluster.crash(1);
  bench.cluster.start(1);
  const second = bench.prePrepare({ requests: [request(1)] });
  assertEquals([refusals(second), said(second)], [["conflicting"], []]);
});

Deno.test("4: any two quorums share f + 1 replicas, and a quorum is up when f are down, for n from 1 to 100", () => {
  for (let n = 1; n <= 100; n++) {
    const f = maxFaulty(n);
    assert(3 * f + 1 <= n && n < 3 * (f + 1) + 1, `f is the most that ${n} bear`);
    assert(2 * quorum(n) - n >= f + 1, `quorums of ${n} share a correct one`);
    assert(quorum(n) <= n - f, `${n} go on without f`);
    assertEquals(weakQuorum(n), f + 1);
  }
});

Deno.test("6: a primary that assigns the last number of the window opens it no further, and is not followed beyond", () => {
  const bench = new Bench(1);
  assertEquals([4, 5, 2 ** 40].map((n) => refusals(bench.prePrepare({ n }))), [[], ["outside-watermarks"], [
    "outside-watermarks",
  ]]);
});

Deno.test("8: the agreed time never falls, whatever the primary's batches say", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  const before = bench.status.agreedTime;
  const early = batchOf(5, [request(1)]);
  bench.take(prePrepare(0, { n: 2, digest: early.digest }), early);
  for (const i of [2, 3]) bench.take(prepare(i, { n: 2, digest: early.digest }));
  for (const i of [0, 2]) bench.take(commit(i, { n: 2, digest: early.digest }));
  assertEquals([Number(bench.status.lastExecuted), bench.status.agreedTime], [2, before]);
});

Deno.test("8: a batch whose time is far ahead is accepted only at that time; its primary is suspected; the same batch again is no conflict", () => {
  const bench = new Bench(1);
  const wild = batchOf(bench.cluster.now + 3_600_000, [opening]);
  const ready = [1, 2].map(() => bench.take(prePrepare(0, { digest: wild.digest }), wild));
  assertEquals(ready.map(said), [["suspicion to all"], []]);
  assertEquals(refusals(bench.prePrepare()), ["conflicting"]);
});

Deno.test("9: a request that reached the primary alone is ordered, and no correct primary is deposed for it", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const one = ada.request(["x=1"]);
  cluster.submit(one, [0]);
  cluster.runUntil(() => cluster.accepted(one.digest) !== null);
  cluster.runFor(5_000);
  assertEquals(cluster.hosts.map(({ replica }) => Number(replica!.status().view)), [0, 0, 0, 0]);
});

Deno.test("10: a primary that gets something done, always just before the timeout, and leaves most waiting, is replaced", () => {
  const bench = new Bench(1, { checkpointInterval: 128 });
  bench.execute(1, opening);
  // Whom it keeps waiting are others: how many of ada's own requests come before one of hers is her own affair.
  for (let i = 1; i <= 10; i++) {
    bench.take(signedRequest({ ...opening.message, client: `${i % 10}`.repeat(64) as typeof ADA }));
  }
  let done = 1;
  while (bench.leavesAfter(SETTINGS.viewTimeoutMs - 100) === null) {
    assert(++done < 20, "it is still trusted");
    bench.execute(done, request(done));
  }
  assert(done > 2, `${done}: the timeout alone is not what replaced it`);
});

Deno.test("12: a request that was executed starts no timer when it comes again, and is answered", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  bench.execute(2, request(1));
  assertEquals(answers(bench.take(request(1))), ["ok 1"]);
  assertEquals([bench.status.pendingRequests, bench.leavesAfter(10_000)], [0, null]);
});

Deno.test("12: a request of a session that is gone is refused by the order, not run, and then waits no more", () => {
  const bench = new Bench(1);
  bench.take(request(1));
  assertEquals(bench.status.pendingRequests, 1);
  assertEquals(answers(bench.execute(1, request(1))), ["refused unknown-session"]);
  assertEquals([bench.log, bench.status.pendingRequests], [[], 0]);
});

Deno.test("13: of two operations with one timestamp all replicas run the one that was ordered first, and refuse the other alike", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const [one, two] = [ada.request(["x=one"], { timestamp: 1 }), ada.request(["x=two"], { timestamp: 1 })];
  cluster.submit(one, [0, 1]);
  cluster.submit(two, [2, 3]);
  cluster.runUntil(() => cluster.accepted(one.digest) !== null && cluster.accepted(two.digest) !== null);
  assertEquals([one, two].map(({ digest }) => cluster.accepted(digest)!.map(show)), [["ok 1"], [
    "refused timestamp-reused",
  ]]);
  cluster.runFor(5_000);
  cluster.assertAlike();
});

Deno.test("13: a timestamp far ahead is refused by all alike, and burns nothing", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  assertEquals(ada.call(["x=1"], { timestamp: 1_000_000, lowestUnanswered: 1 }).map(show), ["refused beyond-window"]);
  assertEquals(ada.call(["x=1"], { timestamp: 1, lowestUnanswered: 1 }).map(show), ["ok 1"]);
});

Deno.test("14: a client's flood fills its own share alone, and is pushed back", () => {
  const bench = new Bench(1, { settings: { maxPendingPerClient: 3 } });
  const admissions = Array.from({ length: 5 }, (_, i) => bench.take(request(i + 1)).admission);
  assertEquals(admissions, ["taken", "taken", "taken", "full", "full"]);
  const other = signedRequest({ ...opening.message, client: "b".repeat(64) as typeof ADA });
  assertEquals(bench.take(other).admission, "taken");
});

Deno.test("14: a replica's flood of votes for numbers, views and checkpoints of all kinds takes no more room than the window", () => {
  const bench = new Bench(1);
  for (let i = 0; i < 2_000; i++) {
    bench.take(prepare(3, { n: i, v: i }));
    bench.take(commit(3, { n: i, v: i }));
    bench.take(prePrepare(3, { n: i, v: 3 }));
    bench.take(viewChange(3, i));
  }
  assertEquals(bench.status.slots.length, 4);
  assert(bench.status.slots.every(({ prepares, commits }) => prepares <= 1 && commits <= 1));
});

Deno.test("16: a made-up certificate of a higher view is refused as a whole, and the valid one of another is carried", () => {
  const bench = new Bench(1);
  const [right, madeUp] = [batch(request(1)).digest, batch(request(2)).digest];
  assertEquals(refusals(bench.take(viewChange(3, 5, [prepared({ v: 4, digest: madeUp }, [2])]))), [
    "invalid-certificate",
  ]);
  bench.take(viewChange(0, 5, [prepared({ v: 0, digest: right })]));
  const ready = bench.take(viewChange(2, 5));
  assertEquals(find(ready, "new-view")!.prePrepares.map(({ message }) => message.digest), [right]);
});

Deno.test("17: what prepared is in the view-change also after a restart, and after one in the middle of the view change", () => {
  const bench = new Bench(2);
  bench.prePrepare();
  for (const i of [1, 3]) bench.take(prepare(i));
  const restart = () => {
    bench.cluster.crash(2);
    bench.cluster.start(2);
  };
  restart();
  // The first of them shows why, and this replica leaves as well.
  const leave = (v: number) => bench.take(viewChange(0, v));
  const carried = (v: number) => find(leave(v), "view-change")!.prepared.map(({ prePrepare: p }) => p.message.digest);
  assertEquals(carried(1), [batch(opening).digest]);
  restart();
  assertEquals(carried(3), [batch(opening).digest]);
});

Deno.test("22: a replica that has left says no vote of the view that it has left, after a restart neither", () => {
  const bench = new Bench(2);
  bench.prePrepare();
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  bench.cluster.crash(2);
  bench.cluster.start(2);
  const ready = [1, 3].map((i) => bench.take(prepare(i)));
  assertEquals([...ready.map(refusals), ...ready.map(said)], [["other-view"], ["other-view"], [], []]);
  assertEquals(refusals(bench.prePrepare({ n: 2 })), ["other-view"]);
});

Deno.test("24: the commit that makes the quorum comes with the clock past the timeout: it is executed first, and nobody is suspected", () => {
  const bench = new Bench(1);
  bench.take(opening);
  bench.prePrepare();
  for (const i of [2, 3]) bench.take(prepare(i));
  bench.take(commit(0));
  bench.wait(SETTINGS.viewTimeoutMs - 20);
  bench.cluster.now += 40;
  const ready = bench.take(commit(2));
  assertEquals(stages(ready), ["committed", "executed"]);
  assertEquals(said(ready).filter((what) => what.startsWith("view-change")), []);
});

Deno.test("24: when the timeout came first, the quorum that completes the number executes it once and is answered with no vote", () => {
  const bench = new Bench(1);
  bench.take(opening);
  bench.prePrepare();
  for (const i of [0, 2]) bench.take(commit(i));
  bench.leavesAfter(10_000);
  const ready = bench.take(commit(3));
  assertEquals([stages(ready), said(ready), answers(ready)], [["committed", "executed"], [], ["ok 1"]]);
  assertEquals(refusals(bench.take(commit(3))), ["already-executed"]);
});

Deno.test("28: a replica whose state differs from a quorum's stops loudly", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  bench.execute(2, request(1));
  for (const i of [0, 2]) bench.take(checkpoint(i, 2, "d".repeat(64)));
  const error = assertThrows(() => bench.take(checkpoint(3, 2, "d".repeat(64))), InvariantError, "diverged");
  assertEquals(error.kind, "divergence");
});

Deno.test("29: with a certificate for a state that nobody serves the window stays where it moved to, and all sources are asked in turn", () => {
  const bench = new Bench(1);
  for (const i of [0, 2, 3]) bench.take(checkpoint(i, 8, "d".repeat(64)));
  const asked = new Set(
    bench.wait(10_000).flatMap(({ ready }) => ready.messages.filter(({ message }) => message.message.kind === "fetch"))
      .map((m) => m.to),
  );
  assertEquals([...asked].sort() as number[], [0, 2, 3]);
  assertEquals([Number(bench.status.lowWatermark), Number(bench.status.lastExecuted), bench.status.transferring], [
    8,
    0,
    true,
  ]);
  for (const i of [0, 2, 3]) {
    assertEquals(refusals(bench.take(checkpoint(i, 4, "d".repeat(64)))), ["outside-watermarks"]);
  }
});

Deno.test("31: what a source makes up is placed nowhere, and the honest answer of another is taken", () => {
  const bench = new Bench(1);
  for (const i of [0, 2, 3]) bench.take(checkpoint(i, 8, "d".repeat(64)));
  const lie = { digest: "e".repeat(64) as never, bytes: new Uint8Array(9) };
  const ready = bench.step({ kind: "blobs", from: 0 as ReplicaId, blobs: [lie] });
  assertEquals([refusals(ready), said(ready)], [["not-wanted"], ["fetch to 2"]]);
  assertEquals(ready.records.length, 0);
});
