import { assert, assertEquals } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { MessageKind } from "../../src/core/messages/messages.ts";
import { createJitter } from "../../src/node/async/backoff.ts";
import { Outbox, type OutboxOptions } from "../../src/node/out/outbox.ts";
import type { Transport } from "../../src/node/ports.ts";
import { ManualTimer } from "./_manual_timer.ts";

/** A peer whose deliveries the test ends, each as it likes. */
class Peer implements Transport {
  readonly deliveries: { sizes: number[]; signal: AbortSignal; end: (error?: Error) => void }[] = [];

  deliver(_to: ReplicaId, frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = (error?: Error) => error ? reject(error) : resolve();
    this.deliveries.push({ sizes: frames.map(({ length }) => length), signal, end });
    return promise;
  }

  get last() {
    return this.deliveries.at(-1)!;
  }
}

function setUp(limits: Partial<OutboxOptions["limits"]> = {}, more: Pick<OutboxOptions, "onRefused"> = {}) {
  const timer = new ManualTimer();
  const peer = new Peer();
  const outbox = new Outbox({
    peer: 1 as ReplicaId,
    transport: peer,
    timer,
    jitter: createJitter(1),
    ...more,
    limits: {
      maxOutboxFrames: 100,
      maxOutboxBytes: 1000,
      maxOutboxBulkBytes: 1000,
      maxBodyFrames: 10,
      maxBodyBytes: 100,
      deliveryTimeoutMs: 5_000,
      maxDeliveriesInFlight: 3,
      ...limits,
    },
  });
  const say = (kind: MessageKind, ...sizes: number[]) =>
    sizes.forEach((size) => outbox.push(new Uint8Array(size), kind));
  const push = (...sizes: number[]) => say("prepare", ...sizes);
  return { timer, peer, outbox, push, say };
}

Deno.test("a delivery that was refused is reported as such, each time, and no other failure", async () => {
  const refusals: ReplicaId[] = [];
  const { timer, peer, outbox, push } = setUp({}, { onRefused: (by) => refusals.push(by) });
  const refused = () => Object.assign(new Error("refused"), { isRefused: true });
  const counts: number[] = [];
  for (const error of [new Error("reset"), refused(), undefined, refused(), refused()]) {
    push(1);
    outbox.flush();
    peer.last.end(error);
    await timer.idle();
    counts.push(refusals.length);
    timer.advance(5_000);
    await timer.idle();
  }
  assertEquals([counts, new Set(refusals)], [[0, 1, 1, 2, 3], new Set([1 as ReplicaId])]);
  push(1);
  outbox.flush();
  timer.advance(10);
  outbox.heard();
  timer.advance(10);
  peer.last.end(refused());
  await timer.idle();
  assertEquals(refusals.length, 3, "a peer that was heard after the delivery began has started meanwhile");
  timer.advance(5_000);
  push(1);
  outbox.flush();
  outbox.close();
  peer.last.end(refused());
  await timer.idle();
  assertEquals(refusals.length, 3, "a node that closes is told nothing");
});

Deno.test("frames that arrive during a delivery are collected, and the next delivery carries them all", async () => {
  const { timer, peer, outbox, push } = setUp();
  push(1, 2);
  outbox.flush();
  for (const size of [3, 4, 5]) {
    push(size);
    outbox.flush();
  }
  assertEquals(peer.deliveries.map(({ sizes }) => sizes), [[1, 2]]);
  peer.last.end();
  await timer.idle();
  assertEquals(peer.deliveries.map(({ sizes }) => sizes), [[1, 2], [3, 4, 5]]);
});

Deno.test("where deliveries take long, frames do not wait for the answer to the last one, within a bound", async () => {
  const { timer, peer, outbox, push } = setUp();
  push(1);
  outbox.flush();
  await timer.advance(9);
  push(2);
  outbox.flush();
  assertEquals(peer.deliveries.length, 1, "a short delivery is waited for");
  await timer.advance(1);
  push(3);
  outbox.flush();
  assertEquals(peer.deliveries.map(({ sizes }) => sizes), [[1], [2, 3]]);
  await timer.advance(70);
  peer.deliveries[0]!.end();
  await timer.idle();
  for (const size of [4, 5, 6, 7]) {
    push(size);
    outbox.flush(); // at once: deliveries are known to take long
  }
  assertEquals(peer.deliveries.map(({ sizes }) => sizes), [[1], [2, 3], [4], [5]]);
  peer.last.end();
  await timer.idle();
  assertEquals(peer.last.sizes, [6, 7]);
  let isFlushed = false;
  void outbox.flushed().then(() => isFlushed = true);
  for (const { end } of peer.deliveries.slice(0, -1)) end();
  await timer.idle();
  assertEquals(isFlushed, false);
  peer.last.end();
  await timer.idle();
  assertEquals(isFlushed, true);
});

Deno.test("where deliveries have become short again, one is in flight at a time", async () => {
  const { timer, peer, outbox, push } = setUp();
  const deliver = async (ms: number) => {
    push(1);
    outbox.flush();
    await timer.advance(ms);
    peer.last.end();
    await timer.idle();
  };
  await deliver(80);
  for (let i = 0; i < 12; i++) await deliver(1);
  const before = peer.deliveries.length;
  for (const size of [2, 3]) {
    push(size);
    outbox.flush();
  }
  assertEquals(peer.deliveries.slice(before).map(({ sizes }) => sizes), [[2]]);
});

Deno.test("deliveries that fail together are one failure, and all are dropped", async () => {
  const { timer, peer, outbox, push } = setUp();
  for (const size of [1, 2, 3]) {
    push(size);
    outbox.flush();
    await timer.advance(20);
  }
  assertEquals(peer.deliveries.length, 3);
  for (const { end } of peer.deliveries) end(new Error("connection refused"));
  await timer.idle();
  assertEquals([outbox.status.dropped, outbox.status.failures], [3, 3]);
  push(4);
  outbox.flush();
  assertEquals(peer.deliveries.length, 3);
  await timer.advance(50); // the pause after a first failure
  assertEquals(peer.last.sizes, [4]);
});

Deno.test("a delivery is bounded in frames and bytes, but a single larger frame is sent", async () => {
  const { timer, peer, outbox, push } = setUp({ maxBodyFrames: 3 });
  push(1, 1, 1, 1, 60, 60, 500, 2);
  outbox.flush();
  for (let i = 0; i < 5; i++) {
    peer.last.end();
    await timer.idle();
  }
  assertEquals(peer.deliveries.map(({ sizes }) => sizes), [[1, 1, 1], [1, 60], [60], [500], [2]]);
});

Deno.test("a full outbox drops the oldest frames and counts them", () => {
  const { peer, outbox, push } = setUp({ maxOutboxFrames: 3, maxOutboxBytes: 20 });
  push(1, 2, 3, 4);
  assertEquals(outbox.status, { peer: 1 as ReplicaId, depth: 3, bytes: 9, dropped: 1, failures: 0, unreachable: null });
  push(14);
  assertEquals(outbox.status, {
    peer: 1 as ReplicaId,
    depth: 2,
    bytes: 18,
    dropped: 3,
    failures: 0,
    unreachable: null,
  });
  outbox.flush();
  assertEquals(peer.last.sizes, [4, 14]);
});

Deno.test("a full outbox drops client requests first and view change messages last", () => {
  const { peer, outbox, say } = setUp({ maxOutboxFrames: 5 });
  say("request", 1);
  say("view-change", 2);
  say("status", 3);
  say("gateway-request", 4);
  for (let size = 5; size < 9; size++) say("request", size);
  say("new-view", 9);
  outbox.flush();
  assertEquals([peer.last.sizes, outbox.status.dropped], [[2, 3, 7, 8, 9], 4]);
  say("new-view", 10, 11);
  for (let size = 12; size < 20; size++) say("commit", size);
  say("suspicion", 20);
  say("request", 21);
  peer.last.end();
  assertEquals([outbox.status.depth, outbox.status.dropped], [5, 4 + 7]);
});

Deno.test("a repeated view-change message is queued only once", () => {
  const { outbox, say } = setUp({ maxOutboxFrames: 3 });
  for (let tick = 0; tick < 10; tick++) {
    say("view-change", 2);
    say("status", 3 + tick);
  }
  assertEquals([outbox.status.depth, outbox.status.bytes], [3, 2 + 11 + 12]);
});

Deno.test("a failed delivery is not repeated, and the pause grows with each failure, up to 2 s", async () => {
  const { timer, peer, outbox, push } = setUp();
  const rests: number[] = [];
  push(1, 1);
  outbox.flush();
  for (let failure = 1; failure <= 9; failure++) {
    peer.last.end(new Error("connection refused"));
    await timer.idle();
    push(failure, failure);
    outbox.flush();
    assertEquals(peer.deliveries.length, failure);
    rests.push(timer.alarmsInMs[0]!);
    await timer.advance(rests.at(-1)!);
    assertEquals(peer.last.sizes, [failure, failure]);
  }
  assert(rests[0]! >= 25 && rests[0]! <= 50, `${rests}`);
  assert(rests[4]! >= 400 && rests[4]! <= 800, `${rests}`);
  assert(rests[8]! >= 1_000 && rests[8]! <= 2_000, `${rests}`);
  assertEquals(outbox.status.dropped, 9 * 2);
});

Deno.test("after a success the next failure counts as the first", async () => {
  const { timer, peer, outbox, push } = setUp();
  const fail = async (error?: Error) => {
    push(1);
    outbox.flush();
    peer.last.end(error);
    await timer.idle();
    const [rest] = timer.alarmsInMs;
    await timer.advance(rest ?? 0);
    return rest;
  };
  const refused = new Error("connection refused");
  for (let i = 0; i < 5; i++) await fail(refused);
  assertEquals(await fail(), undefined);
  assert((await fail(refused))! <= 50);
});

Deno.test("a message from the peer ends the pause, but not within the shortest one", async () => {
  const { timer, peer, outbox, push } = setUp();
  for (let i = 0; i < 4; i++) {
    push(1);
    outbox.flush();
    peer.last.end(new Error("connection refused"));
    await timer.idle();
    if (i < 3) await timer.advance(timer.alarmsInMs[0]!);
  }
  push(2);
  outbox.heard();
  assertEquals([peer.deliveries.length, peer.last.sizes], [5, [2]]);
  peer.last.end(new Error("connection refused"));
  await timer.idle();
  push(3);
  outbox.heard();
  assertEquals(peer.deliveries.length, 5);
});

Deno.test("a delivery that times out is aborted and has failed, even if the transport ignores the abort", async () => {
  const { timer, peer, outbox, push } = setUp();
  push(1);
  outbox.flush();
  push(2);
  await timer.advance(5_000);
  assertEquals(peer.deliveries[0]!.signal.reason.name, "TimeoutError");
  await timer.advance(50);
  assertEquals(peer.last.sizes, [2]);
});

Deno.test("a pause and a delivery end in time on a host whose alarms are late", async () => {
  const { timer, peer, outbox, push } = setUp({ maxDeliveriesInFlight: 1 });
  push(1);
  outbox.flush();
  peer.last.end(new Error("connection refused"));
  await timer.idle();
  timer.sleep(24); // shorter than the shortest pause
  push(2);
  outbox.flush();
  assertEquals(peer.deliveries.length, 1);
  timer.sleep(26);
  outbox.flush();
  assertEquals([peer.deliveries.length, peer.last.sizes], [2, [2]]);

  timer.sleep(4_999);
  push(3);
  outbox.flush();
  assert(!peer.last.signal.aborted);
  timer.sleep(1);
  outbox.flush();
  assertEquals([peer.last.signal.reason?.name, outbox.status.failures], ["TimeoutError", 2]);
  timer.sleep(100);
  outbox.flush();
  assertEquals([peer.deliveries.length, peer.last.sizes], [3, [3]]);
});

Deno.test("a message from the peer ends a pause whose alarm is late", async () => {
  const { timer, peer, outbox, push } = setUp();
  push(1);
  outbox.flush();
  peer.last.end(new Error("connection refused"));
  await timer.idle();
  push(2);
  timer.sleep(50);
  outbox.heard();
  assertEquals(peer.deliveries.map(({ sizes }) => sizes), [[1], [2]]);
});

Deno.test("a closed outbox aborts its delivery and leaves no timer", async () => {
  const { timer, peer, outbox, push } = setUp();
  push(1);
  outbox.flush();
  outbox.close();
  await timer.idle();
  push(2);
  outbox.flush();
  assert(peer.last.signal.aborted);
  assertEquals([timer.alarmsInMs, peer.deliveries.length, outbox.status.depth], [[], 1, 0]);
});

Deno.test("frames that the transport sends at once need no delivery, and wait for none", () => {
  const { peer, outbox, push } = setUp();
  const sent: number[][] = [];
  let isOpen = true;
  const transport: Transport = peer;
  transport.send = (_to, frames) => {
    if (isOpen) sent.push(frames.map(({ length }) => length));
    return isOpen;
  };
  push(1, 2);
  outbox.flush();
  push(3);
  outbox.flush();
  isOpen = false;
  push(4);
  outbox.flush();
  isOpen = true;
  push(5);
  outbox.flush(); // a delivery is under way
  assertEquals([sent, peer.deliveries.map(({ sizes }) => sizes)], [[[1, 2], [3], [5]], [[4]]]);
});

Deno.test("the status shows that deliveries fail until one succeeds", async () => {
  const { timer, peer, outbox, push } = setUp();
  push(1);
  outbox.flush();
  peer.last.end(new Error("refused"));
  await timer.idle();
  assertEquals([outbox.status.failures, outbox.status.unreachable?.reason], [1, "refused"]);
  push(1);
  await timer.advance(100);
  peer.last.end();
  await timer.idle();
  assertEquals([outbox.status.failures, outbox.status.unreachable], [1, null]);
});
