/** Who brings frames, what they may cost, and who waits for whom. */
import { assert, assertEquals, assertLess } from "@std/assert";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Commit, NewView, PrePrepare, Signed, ViewChange } from "../../src/core/messages/messages.ts";
import { clusterId, createVerifier, sha256 } from "../../src/crypto/mod.ts";
import { finish, Gate } from "../../src/node/in/gate.ts";
import { boundsOf, SourceQueue, type Steps } from "../../src/node/in/queues/source_queue.ts";
import type { Rejection } from "../../src/node/ports.ts";
import { encodeBatch, encodeFrame, MAX_BODY_BYTES, utf8 } from "../../src/wire/mod.ts";
import { CRYPTOGRAPHY } from "../../src/node/options.ts";
import { Author, Cluster, genesisOf } from "./_cluster.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";

const genesis = genesisOf(4);
const cluster = clusterId(genesis);
const author = (index: number) => new Author(index, cluster);

/** A gate that counts. */
function counting() {
  let verifications = 0;
  const inner = createVerifier(cluster);
  const verifier = { verify: (...args: Parameters<typeof inner.verify>) => (verifications++, inner.verify(...args)) };
  const gate = new Gate({ genesis, verifier, maxVerifiedRequests: 10_000 });
  return { gate, verifications: () => verifications };
}

function commit(replica: number, digest: Digest): Signed<Commit> {
  const message: Commit = {
    kind: "commit",
    replica: replica as ReplicaId,
    view: 0 as View,
    sequence: 1 as SequenceNumber,
    digest,
  };
  return author(replica + 1).sign(message);
}

function reasons(answers: readonly (Rejection | null)[]): readonly (string | null)[] {
  return answers.map((answer) => answer?.reason ?? null);
}

Deno.test("the votes in a message with a wrong structure are not verified", () => {
  const x = sha256(utf8("x"));
  const y = sha256(utf8("y"));
  const member = author(2);
  const replica = 1 as ReplicaId;
  const same = commit(1, x);
  const decisions = [
    [],
    [commit(0, x), commit(1, x)],
    [same, same, same, same],
    [commit(0, x), commit(1, x), commit(2, y)],
  ];
  const prePrepare: PrePrepare = {
    kind: "pre-prepare",
    replica: 0 as ReplicaId,
    view: 0 as View,
    sequence: 1 as SequenceNumber,
    digest: x,
  };
  const prepare = author(2).sign({ ...prePrepare, kind: "prepare" as const, replica });
  const viewChange = (by: number): Signed<ViewChange> =>
    author(by + 1).sign({
      kind: "view-change",
      replica: by as ReplicaId,
      view: 1 as View,
      stable: [],
      prepared: [],
      suspicions: [],
    });
  const certificate = { prePrepare: author(1).sign(prePrepare), prepares: [prepare, prepare] };
  const newView: NewView = {
    kind: "new-view",
    replica,
    view: 1 as View,
    viewChanges: [0, 2, 3].map(viewChange),
    prePrepares: [],
  };
  const frames = [
    ...decisions.map((commits) => member.frame({ kind: "decision", replica, commits })),
    member.frame({ ...viewChange(1).message, prepared: [certificate] }),
    member.frame({ ...newView, viewChanges: [0, 0, 0].map(viewChange) }),
    member.frame({ ...newView, viewChanges: [0, 2].map(viewChange) }),
    author(3).frame({ ...newView, replica: 2 as ReplicaId }),
    member.frame({ ...newView, prePrepares: [author(1).sign(prePrepare)] }),
  ];
  for (const frame of frames) {
    const { gate, verifications } = counting();
    const outcome = gate.check(frame);
    assert("reason" in outcome);
    assertEquals([outcome.reason, verifications()], ["malformed", 1], outcome.detail);
  }
  const { gate, verifications } = counting();
  assertEquals("reason" in gate.check(member.frame(newView)), false);
  assertEquals(verifications(), 4);
});

Deno.test("only awaited blobs are verified as batches, one request at a time", () => {
  const requests = (from: number) =>
    Array.from({ length: 50 }, (_, i) => author(30).sign(author(30).request({ timestamp: from + i })));
  const [wanted, other] = [100, 200].map((from) => encodeBatch(7 as Millis, requests(from))) as [
    Uint8Array,
    Uint8Array,
  ];
  const frame = author(2).frame({ kind: "blobs", replica: 1 as ReplicaId, blobs: [other, wanted, other] });
  const { gate, verifications } = counting();
  const steps = gate.checking(frame, undefined, { isAwaited: (digest) => digest === sha256(wanted) });
  let most = 0;
  let before = 0;
  const counted = (function* () {
    for (;;) {
      const step = steps.next();
      most = Math.max(most, verifications() - before);
      before = verifications();
      if (step.done) return step.value;
      yield step.value;
    }
  })();
  const passed = finish(counted);
  assert("input" in passed && passed.input.kind === "blobs");
  assertEquals(passed.input.blobs.map(({ batch }) => batch !== undefined), [false, true, false]);
  assertEquals([verifications(), most], [51, 1]);
});

Deno.test("a stranger's bundle is rejected from its first fault on, a member's after some faults, the host's never", async () => {
  const all = await Cluster.open();
  const node = all.node(0);
  const good = new Author(2, all.cluster).frame(newStatus(1));
  const frames = [good, utf8("junk"), ...Array.from({ length: 30 }, () => utf8("junk")), good];
  let rejections = 0;
  node.observe({ onRejected: () => rejections++ });
  const answer = async (by?: "strangers" | ReplicaId) => {
    const answers = node.receive(frames, undefined, by);
    await all.timer.idle();
    return reasons(await answers);
  };
  const junk = new Array(31).fill("malformed");
  assertEquals(await answer("strangers"), [null, ...junk, "malformed"]);
  assertEquals(rejections, 1);
  assertEquals(await answer(1 as ReplicaId), [null, ...junk, "malformed"]);
  assertEquals(rejections, 1 + 17);
  assertEquals(await answer(), [null, ...junk, null]);
  await all.close();
});

Deno.test("a stranger's queue of valid frames is bounded, and delays neither members nor clients", async () => {
  const all = await Cluster.open();
  const node = all.node(0);
  const member = new Author(2, all.cluster);
  // Each costs a signature, as none was seen before.
  const statuses = Array.from({ length: 5_000 }, (_, i) => member.frame({ ...newStatus(1), challenge: i as Millis }));
  let taken = 0;
  node.observe({ onMessage: (direction, kind) => direction === "in" && kind === "status" && taken++ });
  const flood = node.receive(statuses, undefined, "strangers");
  const [first] = await Promise.race([
    node.receive([member.frame({ ...newStatus(1), challenge: 9_999 as Millis })], undefined, 1 as ReplicaId),
    flood,
    all.timer.idle().then(() => ["nobody was answered"] as const),
  ]);
  assertEquals(first, null);
  assertLess(taken, 500);
  let isDone = false;
  void flood.then(() => isDone = true);
  while (!isDone) await all.timer.advance(100);
  const counts = Map.groupBy(reasons(await flood), (reason) => reason);
  assertEquals([counts.get("overloaded")?.length, counts.get(null)?.length], [5_000 - 4_096, 4_096]);
  await all.close();
});

Deno.test("a queue works no longer than its share of a turn, continues where it stopped, and waits when its credit is used up", () => {
  let now = 0;
  const bounds = { limits: { maxInboxFrames: 100, maxInboxBytes: 1_000 }, usPerTurn: 1_000, usPerMs: 10 };
  const queue = new SourceQueue<string>(bounds, () => now);
  const answer = () => {};
  for (let i = 0; i < 100; i++) queue.add({ frame: new Uint8Array(1), answer });
  assertEquals(queue.add({ frame: new Uint8Array(1), answer })?.reason, "overloaded");
  let steps = 0;
  const begin = function* (): Steps<string> {
    for (let i = 0; i < 30; i++) {
      steps++;
      yield 60;
    }
    return "done";
  };
  const turn = () => [...queue.turn(Infinity, begin)].length;
  assertEquals([turn(), steps], [0, 17]);
  assertEquals([turn(), steps], [1, 34]);
  let turns = 2;
  while (queue.waitMs === 0) {
    turn();
    turns++;
  }
  assertEquals([turns, queue.hasMore], [20, true]);
  const before = steps;
  assertEquals([turn(), steps], [0, before]);
  now += queue.waitMs;
  turn();
  assertEquals(steps, before + 17);
});

Deno.test("a forged message costs one signature check, however much it contains", async () => {
  let verifications = 0;
  const all = await Cluster.open({
    node: () => {
      const create = (id: Digest) => {
        const inner = createVerifier(id);
        return { verify: (...args: Parameters<typeof inner.verify>) => (verifications++, inner.verify(...args)) };
      };
      return { crypto: { ...CRYPTOGRAPHY, createVerifier: create } };
    },
  });
  const good = new Author(2, all.cluster).sign(newStatus(1));
  const forged = encodeFrame({ ...good, signature: good.signature.map((byte) => byte ^ 1) });
  const before = verifications;
  const answers = all.node(0).receive(new Array(4_000).fill(forged), undefined, "strangers");
  await all.timer.idle();
  assertEquals(new Set(reasons(await answers)), new Set(["wrong-signature"]));
  assertEquals(verifications - before, 1);
  await all.close();
});

Deno.test("one member has its share of the room for all members, and at least room for one delivery", () => {
  const limits = { maxInboxFrames: 16_384, maxInboxBytes: 64 * 1024 * 1024 };
  const of = (n: number, all = limits) => boundsOf(1 as ReplicaId, all, n).limits;
  assertEquals(of(5), { maxInboxFrames: 4_096, maxInboxBytes: 16 * 1024 * 1024 });
  assertEquals(of(100), { maxInboxFrames: 4_096, maxInboxBytes: MAX_BODY_BYTES });
  const tiny = { maxInboxFrames: 64, maxInboxBytes: 1_000 };
  assertEquals([of(4, tiny), of(1)], [tiny, limits]);
});

Deno.test("a bundle ends at the first frame for which there is no room", async () => {
  const network = await Cluster.open({ node: () => ({ limits: { maxInboxFrames: 4 } }) });
  const node = network.node(0);
  const frames = Array.from({ length: 10 }, (_, i) => author(2).frame({ ...newStatus(1), challenge: i as Millis }));
  const rejected: Rejection[] = [];
  const forget = node.observe({ onRejected: (rejection) => void rejected.push(rejection) });
  const receiving = node.receive(frames, undefined, 1 as ReplicaId);
  await network.timer.idle();
  const answers = await receiving;
  assertEquals(reasons(answers).slice(4), new Array(6).fill("overloaded"));
  assertEquals(rejected.filter(({ reason }) => reason === "overloaded").length, 1);
  forget();
  await network.close();
});

Deno.test("a turn ends when what is done with its frames has taken its time", () => {
  let now = 0;
  const bounds = { limits: { maxInboxFrames: 100, maxInboxBytes: 1_000 }, usPerTurn: 8_000 };
  const queue = new SourceQueue<string>(bounds, () => now);
  for (let i = 0; i < 100; i++) queue.add({ frame: new Uint8Array(1), answer: () => {} });
  // deno-lint-ignore require-yield
  const begin = function* (): Steps<string> {
    return "done";
  };
  const turn = (ms: number) => {
    let count = 0;
    for (const _ of queue.turn(Infinity, begin)) {
      now += ms;
      count++;
    }
    return count;
  };
  assertEquals([turn(3), turn(100), turn(0)], [3, 1, 96]);
});
