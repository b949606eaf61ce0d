/** PBFT §4.4, view changes: what a view-change and a new-view must be, and what follows from them. */
import { assert, assertEquals, assertExists } from "@std/assert";
import type { View } from "../../src/core/messages/ids.ts";
import type {
  NewView,
  PreparedCertificate,
  PrePrepare,
  Signed,
  Status,
  ViewChange,
} from "../../src/core/messages/messages.ts";
import { signed } from "../core/_messages.ts";
import {
  batch,
  Bench,
  checkpoint,
  commit,
  find,
  kinds,
  opening,
  prepare,
  prepared,
  prePrepare,
  refusals,
  request,
  said,
  stages,
  viewChange,
} from "./_bench.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";

const D = "d".repeat(64);
const stable = (n: number, by = [0, 2, 3]) => by.map((i) => checkpoint(i, n, D));

/** Has replica 2 wait for view 1: it has its own view-change and follows two others. */
function waiting(self = 2, options = {}): Bench {
  const bench = new Bench(self, options);
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  assertEquals([Number(bench.status.view), bench.status.active], [1, false]);
  return bench;
}

/** A new-view for view 1 by its primary. */
function newView(
  viewChanges: readonly Signed<ViewChange>[],
  o: readonly (readonly [n: number, digest: string])[],
  fields: Partial<NewView> = {},
) {
  const prePrepares = o.map(([n, digest]) => prePrepare(1, { v: 1, n, digest: digest as never }));
  return signed<NewView>({
    kind: "new-view",
    replica: 1 as never,
    view: 1 as never,
    viewChanges,
    prePrepares,
    ...fields,
  });
}

Deno.test("§4.4: when the timer fires, the backup leaves for the next view and multicasts a view-change", () => {
  const bench = new Bench(2);
  bench.take(opening);
  const [left] = bench.wait(1_000).filter(({ ready }) => kinds(ready).includes("view-change"));
  const message = find(left!.ready, "view-change")!;
  assertEquals([Number(message.view), Number(message.replica), message.stable, message.prepared], [1, 2, [], []]);
  assertEquals(said(left!.ready).filter((what) => what.startsWith("view")), ["view-change to all"]);
  assert(
    left!.ready.records.some((record) => record.kind === "view" && record.viewChange?.message.view === 1 as never),
  );
});

Deno.test("§4.4: from then on it accepts nothing of the old view but checkpoints, view-changes, new-views, and what is decided", () => {
  const bench = new Bench(2);
  bench.prePrepare({ n: 2 });
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  assertEquals(refusals(bench.prePrepare()), ["other-view"]);
  assertEquals(refusals(bench.take(prepare(1, { n: 2 }))), ["other-view"]);
  for (const i of [0, 1]) assertEquals(said(bench.take(commit(i, { n: 2 }))), []);
  assertEquals(stages(bench.take(commit(3, { n: 2 }))), ["committed"]); // it votes for nothing, and learns of it
  for (const i of [0, 1]) bench.take(checkpoint(i, 8, D));
  assertEquals(said(bench.take(checkpoint(3, 8, D))), ["fetch to 0"]);
});

Deno.test("§4.4: a view-change has the last stable checkpoint with its proof, and each prepared number above it with its", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  const { digest } = find(bench.execute(2, request(1)), "checkpoint")!;
  for (const i of [2, 3]) bench.take(checkpoint(i, 2, digest));
  bench.prePrepare({ n: 3, requests: [request(2)] });
  for (const i of [2, 3]) bench.take(prepare(i, { n: 3, digest: batch(request(2)).digest }));
  bench.prePrepare({ n: 4, requests: [request(3)] }); // only pre-prepared
  const ready = bench.take(viewChange(0, 1));
  const message = find(ready, "view-change")!;
  assertEquals(message.stable.map(({ message: m }) => [Number(m.replica), Number(m.sequence)]), [[1, 2], [2, 2], [
    3,
    2,
  ]]);
  assertEquals(message.prepared, [prepared({ n: 3, digest: batch(request(2)).digest }, [1, 2])]);
});

Deno.test("§4.4: a prepared number stays in later view-changes, even if it did not prepare again in the views between", () => {
  const bench = new Bench(2);
  bench.prePrepare();
  for (const i of [1, 3]) bench.take(prepare(i));
  for (const v of [1, 2, 3]) {
    const [ready] = [0, 3].map((i) => bench.take(viewChange(i, v)));
    assertEquals(
      find(ready!, "view-change")!.prepared.map(({ prePrepare: { message } }) => [message.view, message.sequence]),
      [
        [0 as never, 1 as never],
      ],
    );
  }
});

Deno.test("§4.4: the new primary starts its view with a quorum of view-changes for it, its own among them", () => {
  const bench = new Bench(1);
  assertEquals(said(bench.take(viewChange(0, 1))), ["view-change to all"]);
  const ready = bench.take(viewChange(3, 1));
  assertEquals(said(ready), ["new-view to all"]);
  assertEquals(find(ready, "new-view")!.viewChanges.map(({ message }) => Number(message.replica)), [0, 1, 3]);
});

for (const [n, needed] of [[4, 3], [5, 4], [7, 5], [8, 6]] as const) {
  Deno.test(`§4.4: a quorum is ${needed} with n = ${n}`, () => {
    const bench = new Bench(1, { n });
    const ready = Array.from({ length: needed - 1 }, (_, i) => bench.take(viewChange(i === 0 ? 0 : i + 1, 1)));
    assertEquals(ready.map((one) => kinds(one).includes("new-view")), ready.map((_, i) => i === needed - 2));
  });
}

Deno.test("§4.4: O has a pre-prepare for each number from min-s to max-s, of the highest view's certificate, or null", () => {
  const bench = new Bench(1);
  const [a, b, c] = [1, 2, 3].map((i) => batch(request(i)).digest);
  // max-s is 4, the highest number that is prepared; min-s is 2, the highest stable checkpoint.
  bench.take(viewChange(0, 5, [prepared({ v: 4, n: 3, digest: a! }), prepared({ v: 0, n: 5, digest: c! })], stable(2)));
  const ready = bench.take(viewChange(3, 5, [
    prepared({ v: 0, n: 1, digest: c! }),
    prepared({ v: 0, n: 2, digest: c! }),
    prepared({ v: 2, n: 3, digest: b! }, [1, 3]),
  ]));
  const { prePrepares } = find(ready, "new-view")!;
  assertEquals(prePrepares.map(({ message: m }) => [Number(m.sequence), m.digest, Number(m.view), Number(m.replica)]), [
    [3, a!, 5, 1],
    [4, batch().digest, 5, 1],
    [5, c!, 5, 1],
  ]);
});

Deno.test("§4.4: a primary that is behind min-s takes its proof over, frees its log and fetches the state", () => {
  const bench = new Bench(1);
  bench.prePrepare();
  bench.take(viewChange(0, 1, [], stable(4)));
  const ready = bench.take(viewChange(3, 1));
  assertEquals(kinds(ready).includes("fetch"), true);
  assertEquals([Number(bench.status.lowWatermark), bench.status.slots.length, bench.status.transferring], [4, 0, true]);
});

Deno.test("§4.4: the backups enter the new view: they prepare each number of O, null requests too, and fetch the bodies that they lack", () => {
  const bench = waiting();
  const { digest } = batch(request(1));
  const vs = [viewChange(0, 1), viewChange(1, 1, [prepared({ n: 2, digest })]), viewChange(3, 1)];
  const ready = bench.take(newView(vs, [[1, batch().digest], [2, digest]]));
  assertEquals(said(ready), ["prepare to all", "fetch to 1"]);
  assertEquals(find(ready, "prepare"), prepare(2, { v: 1, n: 1, digest: batch().digest }).message);
  const body = batch(request(1));
  const blobs = [{ digest, bytes: body.bytes, batch: body }];
  const fetched = bench.step({ kind: "blobs", from: 3 as never, blobs });
  assertEquals(find(fetched, "prepare"), prepare(2, { v: 1, n: 2, digest }).message);
  assertEquals([bench.status.active, Number(bench.status.view)], [true, 1]);
});

Deno.test("§4.5.2: a replica that still leaves for a started view gets its new-view once for its view-change, and again when its status asks for it", () => {
  const bench = waiting();
  bench.take(newView([viewChange(0, 1), viewChange(1, 1), viewChange(3, 1)], []));
  assertEquals([1, 2, 3].map(() => said(bench.take(viewChange(0, 1)))), [["new-view to 0"], [], []]);
  bench.wait(150);
  assertEquals(said(bench.take(viewChange(0, 1))), []);
  const status = (number: number, phase: Status["phase"]) =>
    signed({ ...newStatus(0), number, view: 1 as View, phase });
  assertEquals(said(bench.take(status(1, "leaving"))), ["new-view to 0"]);
  assertEquals(said(bench.take(status(1, "leaving"))), []);
  assertEquals(said(bench.take(status(2, "active"))), []);
});

Deno.test("§4.4: a null request goes through the protocol like others, and executing it does nothing", () => {
  const bench = waiting();
  const digest = batch(request(1)).digest;
  bench.take(newView([viewChange(0, 1), viewChange(1, 1, [prepared({ n: 2, digest })]), viewChange(3, 1)], [
    [1, batch().digest],
    [2, digest],
  ]));
  bench.take(prepare(3, { v: 1, n: 1, digest: batch().digest }));
  const ready = [0, 1].map((i) => bench.take(commit(i, { v: 1, n: 1, digest: batch().digest })))[1]!;
  assertEquals([stages(ready), ready.replies, bench.log], [["committed", "executed"], [], []]);
});

Deno.test("§4.4, deviation: what was executed before is agreed on again once another replica votes, and not executed again", () => {
  const bench = new Bench(1);
  bench.execute(1, opening);
  const { digest } = batch(opening);
  bench.take(viewChange(0, 1));
  const ready = bench.take(viewChange(3, 1));
  assertEquals(find(ready, "new-view")!.prePrepares.map(({ message: m }) => [Number(m.sequence), m.digest]), [[
    1,
    digest,
  ]]);
  assertEquals([find(ready, "commit"), stages(ready)], [undefined, []]);
  const again = [2, 3].map((i) => bench.take(prepare(i, { v: 1, n: 1, digest })));
  assertEquals([...again.map(stages), Number(bench.status.lastExecuted)], [["pre-prepared"], ["prepared"], 1]);
  assertExists(find(again[0]!, "commit"));
});

Deno.test("§4.4, deviation: a prepare that came before the new-view is another replica's vote too", () => {
  const bench = new Bench(2);
  bench.execute(1, opening);
  const { digest } = batch(opening);
  bench.take(commit(1, { n: 1, digest }));
  assertEquals(Number(bench.status.lastExecuted), 1);
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  bench.take(prepare(3, { v: 1, n: 1, digest }));
  const views = [0, 1, 3].map((i) => viewChange(i, 1, [prepared({ n: 1, digest })]));
  const ready = bench.take(newView(views, [[1, digest]]));
  assertExists(find(ready, "prepare"));
});

/** What a view-change may not be. */
const bad: [string, Signed<ViewChange>][] = [
  ["for view 0", viewChange(3, 0)],
  ["with a checkpoint of too few", viewChange(3, 1, [], stable(2, [0, 3]))],
  ["with a checkpoint by one replica three times", viewChange(3, 1, [], stable(2, [3, 3, 3]))],
  ["with a checkpoint of two digests", viewChange(3, 1, [], [...stable(2, [0, 2]), checkpoint(3, 2, "e".repeat(64))])],
  ["with a checkpoint of two numbers", viewChange(3, 1, [], [...stable(2, [0, 2]), checkpoint(3, 4, D)])],
  ["with a checkpoint where none is taken", viewChange(3, 1, [], stable(3))],
  ["with a certificate of too few prepares", viewChange(3, 1, [prepared({}, [2])])],
  ["with one prepare twice", viewChange(3, 1, [prepared({}, [2, 2])])],
  ["with a prepare of the primary", viewChange(3, 1, [prepared({}, [0, 2])])],
  ["with a pre-prepare that is not the primary's", viewChange(3, 1, [prepared({}, [2, 3], 1)])],
  ["with a prepare for another digest", viewChange(3, 1, [mixed({ digest: D as never })])],
  ["with a prepare of another view", viewChange(3, 6, [mixed({ v: 4 })])],
  ["with a prepare of another number", viewChange(3, 1, [mixed({ n: 2 })])],
  ["with a certificate of its own view", viewChange(3, 1, [prepared({ v: 1 }, [2, 3])])],
  ["with one number twice", viewChange(3, 1, [prepared({}), prepared({})])],
  ["with a number at its checkpoint", viewChange(3, 1, [prepared({ n: 2 })], stable(2))],
  ["with a number above its window", viewChange(3, 1, [prepared({ n: 7 })], stable(2))],
];
function mixed(at: Parameters<typeof prepare>[1]): PreparedCertificate {
  return { ...prepared({}), prepares: [prepare(2), prepare(3, at)] };
}
for (const [what, message] of bad) {
  Deno.test(`§4.4: a view-change ${what} is not accepted, alone or in a new-view`, () => {
    const reason = message.message.view === 0 as never ? "other-view" : "invalid-certificate";
    assertEquals(refusals(new Bench(2).take(message)), [reason]);
    const inside = { ...message.message, view: 1 as never };
    const bench = waiting();
    const { prePrepare: p } = message.message.prepared.at(-1) ?? {};
    const o: (readonly [number, string])[] = p ? [[p.message.sequence, p.message.digest]] : [];
    if (message.message.view !== 1 as never) return;
    assertEquals(refusals(bench.take(newView([viewChange(0, 1), viewChange(1, 1), signed(inside)], o))), [
      "invalid-certificate",
    ]);
  });
}

Deno.test("§4.4: a number at the end of its sender's window is accepted in a view-change", () => {
  assertEquals(refusals(new Bench(2).take(viewChange(3, 1, [prepared({ n: 6 })], stable(2)))), []);
});

const d1 = batch(request(1)).digest;
const quorumOf = [viewChange(0, 1), viewChange(1, 1, [prepared({ n: 2, digest: d1 })]), viewChange(3, 1)];
const right: [number, string][] = [[1, batch().digest], [2, d1]];
const by = (i: number) => right.map(([n, digest]) => prePrepare(i, { v: 1, n, digest: digest as never }));
const further = viewChange(1, 1, [prepared({ n: 4, digest: d1 })], stable(2));
const nothing: [number, string][] = [1, 2, 3].map((n) => [n, batch().digest]);
/** What a new-view for view 1 may not be. */
const wrong: [string, Signed<NewView>][] = [
  ["of another than the view's primary", newView(quorumOf, [], { replica: 3 as never, prePrepares: by(3) })],
  ["with too few view-changes", newView(quorumOf.slice(0, 2), right)],
  ["with one view-change three times", newView([quorumOf[1]!, quorumOf[1]!, quorumOf[1]!], right)],
  ["with a view-change for another view", newView([viewChange(0, 2), ...quorumOf.slice(1)], right)],
  ["whose O is empty", newView(quorumOf, [])],
  ["whose O has no null request for the gap", newView(quorumOf, right.slice(1))],
  ["whose O fills the gap with something else", newView(quorumOf, [[1, d1], [2, d1]])],
  ["whose O has a null request for what prepared", newView(quorumOf, [[1, batch().digest], [2, batch().digest]])],
  ["whose O is out of order", newView(quorumOf, [...right].reverse())],
  ["whose O goes on after max-s", newView(quorumOf, [...right, [3, batch().digest]])],
  ["whose O starts below min-s", newView([quorumOf[0]!, further, quorumOf[2]!], [...nothing, [4, d1]])],
  [
    "whose O is for another view",
    newView(quorumOf, [], {
      prePrepares: right.map(([n]) => prePrepare(1, { v: 5, n, digest: n === 1 ? batch().digest : d1 })),
    }),
  ],
  ["whose O is another replica's", newView(quorumOf, [], { prePrepares: by(3) })],
];
for (const [what, message] of wrong) {
  Deno.test(`§4.4: a new-view ${what} is not accepted`, () => {
    const bench = waiting();
    const ready = bench.take(message);
    assertEquals([refusals(ready), said(ready), ready.records.map(({ kind }) => kind), bench.status.active], [
      ["invalid-certificate"],
      [],
      [],
      false,
    ]);
    assertEquals(refusals(bench.take(newView(quorumOf, right))), []);
    assertEquals(bench.status.active, true);
  });
}

Deno.test("§4.4: a view starts once: a second new-view for it, or one for a view left behind, is not accepted", () => {
  const bench = waiting();
  bench.take(newView(quorumOf, right));
  assertEquals(refusals(bench.take(newView([viewChange(0, 1), viewChange(2, 1), viewChange(3, 1)], []))), [
    "other-view",
  ]);
  for (const i of [0, 3]) bench.take(viewChange(i, 2));
  assertEquals(refusals(bench.take(newView(quorumOf, right))), ["other-view"]);
});

Deno.test("§4.4: a replica that has not left enters a view by a valid new-view, and from then on votes only there", () => {
  const bench = new Bench(2);
  bench.take(newView(quorumOf, right));
  assertEquals([Number(bench.status.view), bench.status.active], [1, true]);
  assertEquals(refusals(bench.prePrepare({ n: 3 })), ["other-view"]);
  assertEquals(said(bench.prePrepare({ v: 1, n: 3, requests: [request(3)] })), ["prepare to all"]);
});

Deno.test("§4.4: a replica that sends a view-change for a started view gets its new-view", () => {
  const bench = waiting();
  bench.take(newView(quorumOf, right));
  assertEquals(said(bench.take(viewChange(3, 1))), ["new-view to 3"]);
});

Deno.test("§4.4: the new primary assigns the number after the last of O next", () => {
  const bench = new Bench(1, { limits: { maxBatchRequests: 1 } });
  bench.take(request(5));
  bench.take(viewChange(0, 1, [prepared({ n: 2, digest: d1 })]));
  const ready = bench.take(viewChange(3, 1));
  const given = ready.messages.flatMap(({ message }) =>
    message.message.kind === "pre-prepare" ? [message.message as PrePrepare] : []
  );
  assertEquals(given.map(({ sequence }) => Number(sequence)), [3]);
});

Deno.test("§4.4: a body that arrives after the replica has left the view causes no vote in that view", () => {
  const bench = new Bench(2);
  bench.take(prePrepare(0)); // without its body
  for (const i of [0, 3]) bench.take(viewChange(i, 1));
  const body = batch(opening);
  const blobs = [{ digest: body.digest, bytes: body.bytes, batch: body }];
  assertEquals(said(bench.step({ kind: "blobs", from: 3 as never, blobs })), []);
});

Deno.test("§4.4: after a restart a view that was left is over, and a view that had started is still active", () => {
  const self = [0, 1, 2, 3].find((id) => !quorumOf.some(({ message }) => message.replica === id))!;
  const bench = new Bench(self);
  bench.take(newView(quorumOf, right));
  bench.cluster.crash(self);
  bench.cluster.start(self);
  assertEquals([Number(bench.status.view), bench.status.active], [1, true]);
  for (const i of [0, 1]) bench.take(viewChange(i, 3));
  assertEquals([Number(bench.status.view), bench.status.active], [3, false]);
  assertEquals(refusals(bench.prePrepare({ v: 3, n: 3 })), ["other-view"]);
});
