import { assert, assertEquals } from "@std/assert";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type {
  Batch,
  NewView,
  PreparedCertificate,
  PrePrepare,
  Signed,
  ViewChange,
} from "../../src/core/messages/messages.ts";
import { computeNewView } from "../../src/core/views/new_view.ts";
import type { Record } from "../../src/core/records.ts";
import { batch, Bench, prepare, prePrepare, request, signedNewView, viewChange } from "../paper/_bench.ts";
import { TestClient } from "./_client.ts";
import { Cluster, type Options } from "./_cluster.ts";
import { batchOf, show, signed } from "./_messages.ts";
import { watchSafety } from "./_safety.ts";

/** Replicas 0 to f - 1 lie, and the test speaks for them; whatever a correct replica says reaches them at once, and the reverse. */
class Liars {
  readonly cluster: Cluster;
  readonly ada: TestClient;
  readonly sequence: SequenceNumber;
  readonly correct: readonly number[];
  certificate: PreparedCertificate | null = null;
  /** View-changes of correct replicas, by view. */
  readonly #left = new Map<number, Signed<ViewChange>[]>();
  /** The liars' answers to what was just said. */
  #due: (() => void)[] = [];

  constructor(readonly f: number, options: Options) {
    this.cluster = new Cluster({ latencyMs: 5, ...options });
    if (f === 1) watchSafety(this.cluster); // two say different things
    this.ada = new TestClient(this.cluster, 1).open();
    this.cluster.runFor(100);
    for (let liar = 0; liar < f; liar++) this.cluster.crash(liar);
    this.correct = this.cluster.hosts.filter(({ replica }) => replica).map(({ id }) => id);
    this.sequence = this.cluster.host(f).replica!.status().lastExecuted + 1 as SequenceNumber;
    const before = this.cluster.onStep;
    this.cluster.onStep = (host, input, ready) => {
      before(host, input, ready);
      for (const { message } of ready.messages) {
        if (message.message.kind === "view-change") this.#hear(message as Signed<ViewChange>);
      }
    };
  }

  /** A liar proposes this, as the primary of its view, to these alone. */
  propose(view: number, body: Batch, to: readonly number[]): Signed<PrePrepare> {
    const message = this.#place(view, body.digest);
    const proposal = signed<PrePrepare>({ kind: "pre-prepare", replica: this.#primaryOf(view), ...message });
    for (const id of to) this.cluster.deliver(id, proposal, body);
    return proposal;
  }

  /** What a liar keeps to itself: the proposal, and the prepares of these. */
  keep(proposal: Signed<PrePrepare>, by: readonly number[]): void {
    const { view, digest } = proposal.message;
    const prepares = by.map((id) =>
      signed({ kind: "prepare" as const, replica: id as ReplicaId, ...this.#place(view, digest) })
    );
    this.certificate = { prePrepare: proposal, prepares };
  }

  /** Lets time pass until something is so. */
  runUntil(done: () => boolean, limitMs: number): boolean {
    const end = this.cluster.now + limitMs;
    while (!done() && this.cluster.now < end) {
      this.cluster.runFor(1);
      for (const act of this.#due.splice(0)) act();
    }
    return done();
  }

  /** Whether these are in this view, and it has begun. */
  areIn(view: number, ids: readonly number[] = this.correct): boolean {
    return ids.every((id) => {
      const status = this.cluster.host(id).replica!.status();
      return status.view === view && status.active;
    });
  }

  /** Every correct replica starts again from its store. */
  restart(): void {
    for (const id of this.correct) this.cluster.crash(id);
    for (const id of this.correct) this.cluster.start(id);
  }

  #hear(said: Signed<ViewChange>): void {
    const { view, replica } = said.message;
    const known = this.#left.get(view) ?? [];
    if (known.some(({ message }) => message.replica === replica)) return;
    this.#left.set(view, [...known, said]);
    // As the primary it waits until all the correct ones have left, so that no certificate is in V; later it is the first in V.
    const isOwn = this.#primaryOf(view) < this.f;
    if (isOwn && view < this.f && known.length + 1 === this.correct.length) {
      this.#due.push(() => this.#begin(view, this.#left.get(view)!));
    } else if (!isOwn && known.length === 0) this.#due.push(() => this.#show(said.message));
  }

  #begin(view: number, viewChanges: readonly Signed<ViewChange>[]): void {
    const sorted = [...viewChanges].sort((a, b) => a.message.replica - b.message.replica);
    const own = { replica: this.#primaryOf(view), view: view as View };
    const prePrepares = computeNewView(sorted, {}).digests.map(([sequence, digest]) =>
      signed<PrePrepare>({ kind: "pre-prepare", ...own, sequence, digest: digest! })
    );
    const newView = signed<NewView>({ kind: "new-view", ...own, viewChanges: sorted, prePrepares });
    for (const id of this.correct) this.cluster.deliver(id, newView);
  }

  /** The liars say what they keep in each view-change, to all. */
  #show(like: ViewChange): void {
    for (let liar = 0; liar < this.f; liar++) {
      const prepared = this.certificate && like.view > 1 ? [this.certificate] : [];
      const viewChange = signed<ViewChange>({ ...like, replica: liar as ReplicaId, prepared });
      for (const id of this.correct) this.cluster.deliver(id, viewChange);
    }
  }

  #primaryOf(view: number): ReplicaId {
    return view % this.cluster.hosts.length as ReplicaId;
  }

  #place(view: number, digest: Digest) {
    return { view: view as View, sequence: this.sequence, digest };
  }
}

/** n = 4: replica 0 lies, and in views 0 and 1 the correct ones' prepares get lost. Ends when what it keeps is nobody's last proposal. */
function oneLiar(kept: "a request" | "nothing" = "a request"): Liars {
  const liars = new Liars(1, { n: 4 });
  const { cluster, ada } = liars;
  const [first, second] = [ada.request(["x=first"]), ada.request(["x=second"])];
  cluster.filter = (_from, _to, message) => message.kind !== "prepare" || message.view > 1;
  const proposal = liars.propose(0, batchOf(cluster.now, kept === "nothing" ? [] : [first]), [1, 2]);
  liars.keep(proposal, [1, 2]);
  cluster.submit(second);
  assert(liars.runUntil(() => liars.areIn(1), 20_000), "view 1 begins");
  // Its primary is correct, and proposes what waits.
  const isReplaced = (id: number) => cluster.host(id).disk.accepted.get(liars.sequence)?.prePrepare.message.view === 1;
  assert(liars.runUntil(() => liars.correct.every(isReplaced), 1_000), "all accept something else");
  return liars;
}

/** n = 7: replicas 0 and 1 lie, and the network is perfect. */
function twoLiars(): Liars {
  const liars = new Liars(2, { n: 7 });
  const { cluster, ada } = liars;
  const bodies = [1, 2, 3, 4].map((i) => batchOf(cluster.now, [ada.request([`x=${i}`])]));
  cluster.submit(ada.request(["x=5"]));
  const proposal = liars.propose(0, bodies[0]!, [2, 3, 4]);
  liars.propose(0, bodies[1]!, [5, 6]);
  liars.keep(proposal, [1, 2, 3, 4]);
  assert(liars.runUntil(() => liars.areIn(1), 20_000), "view 1 begins");
  liars.propose(1, bodies[2]!, [2, 3, 4]);
  liars.propose(1, bodies[3]!, [5, 6]);
  return liars;
}

function executed({ cluster, correct, sequence }: Liars): boolean {
  return correct.every((id) => cluster.host(id).replica!.status().lastExecuted >= sequence);
}

const PLAYS = [
  ["n = 7, two liars", twoLiars],
  ["n = 4, one liar and lost prepares", oneLiar],
  ["n = 4, one liar, lost prepares and a batch that is a time and nothing else", () => oneLiar("nothing")],
] as const;

for (const [what, play] of PLAYS) {
  for (const restarts of [false, true]) {
    const when = restarts ? ", also after all have started again" : "";
    Deno.test(`${what}: a late certificate of a batch in whose place another was accepted stops nothing${when}`, () => {
      const liars = play();
      if (restarts) liars.restart();
      assert(liars.runUntil(() => executed(liars), 60_000), "the number is executed");
      const last = liars.cluster.host(liars.f).replica!.status();
      assert(last.view <= liars.f + 3, `in the first views of correct primaries, not ${last.view}`);
      // What the liars kept is what the number has.
      const { digest } = liars.certificate!.prePrepare.message;
      const { disk } = liars.cluster.host(liars.f);
      assertEquals(disk.committed.get(liars.sequence)?.batch.digest, digest);
      assertEquals([...disk.former.values()].flat(), [], "nothing is kept of what is executed");
      assertEquals(liars.ada.call(["y=1"]).map(show), ["ok 1"]);
    });
  }
}

/** Replica 1 of 4 accepts other batches at number 1, one in each of so many views of others. Gives their digests. */
function accepting(bench: Bench, count: number): { readonly view: number; readonly digest: Digest }[] {
  const accepted: { view: number; digest: Digest }[] = [];
  for (let view = 0; accepted.length < count; view++) {
    if (view % 4 === bench.self) continue;
    if (view > 0) enter(bench, view);
    const body = batch(request(100 + view));
    bench.take(prePrepare(view % 4, { v: view, digest: body.digest }), body);
    accepted.push({ view, digest: body.digest });
  }
  return accepted;
}

function enter(bench: Bench, view: number): void {
  bench.take(signedNewView(view, [0, 2, 3].map((i) => viewChange(i, view)), []));
}

function formerOf(bench: Bench): readonly Digest[] {
  return bench.cluster.host(bench.self).disk.read().former!.map(({ batch }) => batch.digest);
}

Deno.test("at most 8 n former bodies are kept per number, those of the latest views", () => {
  const bench = new Bench(1);
  const digests = accepting(bench, 40).map(({ digest }) => digest);
  assertEquals(formerOf(bench), digests.slice(-33, -1));
  assertEquals(bench.cluster.host(1).replica!.buffers().formerBodies, 32);
});

Deno.test("the body of the own certificate is dropped last", () => {
  const bench = new Bench(1);
  const body = batch(request(1));
  bench.take(prePrepare(0, { digest: body.digest }), body);
  for (const i of [2, 3]) bench.take(prepare(i, { digest: body.digest }));
  accepting(bench, 40);
  assert(formerOf(bench).includes(body.digest));
  assertEquals(formerOf(bench).length, 32);
});

Deno.test("a replica with a certificate of its own drops the bodies that it accepted in earlier views", () => {
  const bench = new Bench(1);
  const [first, second] = accepting(bench, 3);
  assertEquals(formerOf(bench), [first!.digest, second!.digest]);
  const { digest } = batch(request(103));
  for (const i of [0, 2]) bench.take(prepare(i, { v: 3, digest }));
  assertEquals(formerOf(bench), []);
});

Deno.test("a batch that is accepted again is not kept twice, and null requests are not kept at all", () => {
  const bench = new Bench(1);
  const [first] = accepting(bench, 2);
  const body = batch(request(100));
  assertEquals(body.digest, first!.digest);
  enter(bench, 3);
  bench.take(prePrepare(3, { v: 3, digest: body.digest }), body);
  assertEquals(formerOf(bench), [batch(request(102)).digest]);
  enter(bench, 4);
  const nothing = batch();
  bench.take(prePrepare(0, { v: 4, digest: nothing.digest }), nothing);
  enter(bench, 6);
  const other = batch(request(106));
  bench.take(prePrepare(2, { v: 6, digest: other.digest }), other);
  assertEquals(formerOf(bench), [batch(request(102)).digest, body.digest]);
});

Deno.test("a kept body is not requested when a pre-prepare comes without it, and is dropped with its number", () => {
  const bench = new Bench(1);
  const [first] = accepting(bench, 2);
  enter(bench, 3);
  const ready = bench.take(prePrepare(3, { v: 3, digest: first!.digest }));
  assertEquals(ready.messages.map(({ message }) => message.message.kind).filter((kind) => kind === "fetch"), []);
  assertEquals(ready.records.some(({ kind }) => kind === "accepted"), true);
  bench.cluster.host(1).disk.write({ kind: "forget", through: 1 } as Record);
  assertEquals(formerOf(bench), []);
});
