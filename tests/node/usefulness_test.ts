/** What a member sends in vain costs a replica a bounded share of a core, whether it is repeated or new each time. */
import { assert, assertEquals, assertLess } from "@std/assert";
import type { MessageInput, Ready } from "../../src/core/io.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Message } from "../../src/core/messages/messages.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import { sign } from "../../src/node/environment.ts";
import { RelayedRequests } from "../../src/node/in/relayed_requests.ts";
import { boundsOf, SourceQueue, type Steps } from "../../src/node/in/queues/source_queue.ts";
import { wasOfUse } from "../../src/node/in/usefulness.ts";
import { CRYPTOGRAPHY } from "../../src/node/options.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";
import { encodeFrame, utf8 } from "../../src/wire/mod.ts";
import { Author, Cluster } from "./_cluster.ts";

const ball = 1 as ReplicaId;
const candy = 2 as ReplicaId;
/** Charged for one small frame: a signature check, and 1 us. */
const FRAME_US = 61;

/** Everybody is believed: only what is charged counts here. */
const crypto = { ...CRYPTOGRAPHY, createVerifier: () => ({ verify: () => true }) };
const unsigned = { publicKey: "", sign: () => new Uint8Array(64) };

function frameOf(message: Message): Uint8Array {
  return encodeFrame(sign(unsigned, message));
}

const other = (i: number) => sha256(utf8(String(i)));
const vote = { replica: ball, view: 0 as View, sequence: 1 as SequenceNumber };
const request = new Author(9, other(0)).request();

/** Messages that a member may sign without end. */
const FLOODS: Readonly<Record<string, (i: number) => Message>> = {
  "statuses": (i) => ({ ...newStatus(ball), number: i + 1 }),
  "one status, repeated": () => newStatus(ball),
  "statuses with challenges": (i) => ({ ...newStatus(ball), number: i + 1, challenge: (i + 1) as Millis }),
  "fetches": (i) => ({ kind: "fetch", replica: ball, number: i + 1, digests: [other(i)] }),
  "prepares of later views": (i) => ({ ...vote, kind: "prepare", view: (i + 2) as View, digest: other(i) }),
  "commits that contradict each other": (i) => ({ ...vote, kind: "commit", digest: other(i) }),
  "commits outside of the window": (i) => ({
    ...vote,
    kind: "commit",
    sequence: (i + 1_000) as SequenceNumber,
    digest: other(i),
  }),
  "checkpoints outside of the window": (i) => ({
    kind: "checkpoint",
    replica: ball,
    sequence: (4 * i + 1_000) as SequenceNumber,
    digest: other(i),
  }),
  "view-changes for later views": (i) => ({
    kind: "view-change",
    replica: ball,
    view: (i + 2) as View,
    stable: [],
    prepared: [],
    suspicions: [],
  }),
  "replies that nobody waits for": (i) => ({
    kind: "reply",
    replica: ball,
    view: 0 as View,
    request: other(i),
    results: [{ sequence: 1 as SequenceNumber, status: "ok", value: utf8("x") }],
  }),
  "blobs that nobody wants": (i) => ({ kind: "blobs", replica: ball, blobs: [utf8(String(i))] }),
  "one request, repeated": () => request,
};

for (const [name, make] of Object.entries(FLOODS)) {
  Deno.test(`a member's flood of ${name} gets a twentieth of a core, and delays no other member`, async () => {
    const all = await Cluster.open({ node: () => ({ crypto }) });
    const node = all.node(0);
    let taken = 0;
    const forget = node.observe({ onMessage: (direction) => direction === "in" && taken++ });
    let next = 0;
    // As members on a socket send: without waiting for answers.
    const flood = () => node.stream(Array.from({ length: 3_000 }, () => frameOf(make(next++))), ball, () => {});
    for (let i = 0; i < 3; i++) {
      flood();
      await all.timer.idle();
    }
    assert(node.restMs(ball) > 0, "it has to wait");
    assertEquals(node.restMs(candy), 0);
    assertLess(taken, (400_000 + 8_000) / FRAME_US + 100);
    const [answer] = await Promise.race([
      node.receive([frameOf({ ...newStatus(candy), number: 1 })], undefined, candy),
      all.timer.idle().then(() => ["no answer"] as const),
    ]);
    assertEquals(answer, null);
    taken = 0;
    for (let ms = 0; ms < 1_000; ms += 10) await all.timer.advance(10);
    // A twentieth of a second, the turn that was begun, and what the replicas say to each other.
    assertLess(taken, (50_000 + 8_000) / FRAME_US + 100);
    assert(taken > 50_000 / FRAME_US - 100, `only ${taken} were taken`);
    forget();
    await all.close();
  });
}

Deno.test("what was of use is not charged, however much it is", () => {
  const limits = { maxInboxFrames: 100_000, maxInboxBytes: 1e9 };
  const queue = new SourceQueue<string>(boundsOf(ball, limits, 4), () => 0);
  const begin = function* (): Steps<string> {
    for (let i = 0; i < 1_000; i++) yield 60;
    return "a batch of 1,000 requests";
  };
  let batches = 0;
  for (let i = 0; i < 100; i++) queue.add({ frame: new Uint8Array(1), answer: () => {} });
  const work = () => {
    for (let turns = 0; turns < 1_000 && queue.hasMore && queue.waitMs === 0; turns++) {
      for (const { charge } of queue.turn(Infinity, begin)) {
        batches++;
        charge.giveBack();
        charge.giveBack();
      }
    }
  };
  work();
  assertEquals([batches, queue.waitMs], [100, 0]);
  for (let i = 0; i < 100; i++) queue.add({ frame: new Uint8Array(1), answer: () => {} });
  for (let turns = 0; turns < 1_000 && queue.waitMs === 0; turns++) batches += [...queue.turn(Infinity, begin)].length;
  assertEquals(batches, 100 + 6);
});

Deno.test("on a slow or busy host a frame is charged what it took, up to 25 ms more than estimated", () => {
  let now = 0;
  const limits = { maxInboxFrames: 100_000, maxInboxBytes: 1e9 };
  const takenAt = (checkMs: number, stepMs: number) => {
    const queue = new SourceQueue<string>(boundsOf(ball, limits, 4), () => now);
    for (let i = 0; i < 20_000; i++) queue.add({ frame: new Uint8Array(1), answer: () => {} });
    const begin = function* (): Steps<string> {
      yield 60;
      now += checkMs;
      return "a status";
    };
    let taken = 0;
    const start = now;
    while (now === start || queue.waitMs === 0) {
      for (const _ of queue.turn(1, begin)) {
        taken++;
        now += stepMs;
      }
      if (checkMs + stepMs === 0 && queue.waitMs > 0) break;
    }
    return taken;
  };
  assertEquals(takenAt(0, 0), 6_558);
  // 0.5 ms each, a twentieth of which comes back meanwhile.
  assertEquals(Math.round(takenAt(0.25, 0.25) / 100), Math.round(400 / (0.5 - 0.025) / 100));
  assertEquals(takenAt(0, 0.9), Math.ceil(400 / (0.961 - 0.045)));
});

Deno.test("f members of four get a twentieth of a core together, and each of more at least a fortieth", () => {
  const limits = { maxInboxFrames: 16_384, maxInboxBytes: 64 * 1024 * 1024 };
  const of = (n: number) => boundsOf(ball, limits, n).usPerMs;
  assertEquals([of(1), of(4), of(7), of(10), of(72)], [150, 50, 25, 25, 25]);
});

Deno.test("a waiting request may be repeated at intervals that double, by each member for itself", () => {
  const relayed = new RelayedRequests();
  const dueAt: number[] = [];
  for (let ms = 0; ms < 1_000; ms++) if (relayed.isDue(ball, other(1), ms)) dueAt.push(ms);
  assertEquals(dueAt, [0, 50, 150, 350, 750]);
  assert(relayed.isDue(candy, other(1), 1_000) && relayed.isDue(ball, other(2), 1_000));
  for (let i = 10; i < 10 + 8_192; i++) relayed.isDue(ball, other(i), 1_000);
  assert(relayed.isDue(ball, other(1), 1_000), "the oldest are forgotten");
  const of = (isDue: boolean) => {
    const events = [{ kind: "discarded", message: "request", from: null, reason: "duplicate" }];
    return wasOfUse({ kind: "request" } as MessageInput, { events } as never, { isDue: () => isDue });
  };
  assertEquals([of(true), of(false)], [true, false]);
});

Deno.test("what the core discards was of no use, unless this replica is behind", () => {
  const of = (view: number, ...reasons: ("duplicate" | "outside-watermarks")[]) => (core: { isBehind?: boolean }) => {
    const prepare = { message: { ...vote, kind: "prepare", view, digest: "d" as Digest } };
    const input = { kind: "prepare", prepare } as unknown as MessageInput;
    const events = reasons.map((reason) => ({ kind: "discarded", message: "prepare", from: ball, reason }) as const);
    return wasOfUse(input, { events } as Pick<Ready, "events">, { view: 5 as View, ...core });
  };
  assertEquals([3, 4, 5, 6, 7].map((view) => of(view)({})), [false, true, true, true, false]);
  assertEquals([of(5, "duplicate")({}), of(5, "duplicate")({ isBehind: true })], [false, false]);
  assertEquals([of(5, "outside-watermarks")({}), of(5, "outside-watermarks")({ isBehind: true })], [false, true]);
});
