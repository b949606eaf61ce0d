import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { GatewayRequest, Prepare, PrePrepare, SignedRequest } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { batchOf, show, signed, signedRequest } from "./_messages.ts";

const HOUR = 3_600_000;

/** Replica 0 is the primary of view 0, and lies about the time, nothing else. */
function lyingPrimary(cluster: Cluster, from = 0) {
  cluster.crash(0);
  return (timestamp: number, requests: readonly SignedRequest[]) => {
    const next = Math.max(...[1, 2, 3].map((id) => cluster.host(id).replica!.status().lastExecuted)) + 1;
    const batch = batchOf(timestamp, requests);
    const prePrepare = signed<PrePrepare>({
      kind: "pre-prepare",
      replica: from as ReplicaId,
      view: 0 as View,
      sequence: next as SequenceNumber,
      digest: batch.digest,
    });
    for (const to of [1, 2, 3]) cluster.deliver(to, prePrepare, batch);
    cluster.runFor(50);
  };
}

/** As a correct gateway does it: by the agreed time that it has executed. */
function vouched(cluster: Cluster, { gateway = 1, name = "bob", timestamp = 1, validMs = 60_000 } = {}) {
  const { agreedTime } = cluster.host(gateway).replica!.status();
  return signedRequest<GatewayRequest>({
    kind: "gateway-request",
    gateway: gateway as ReplicaId,
    notAfter: agreedTime + validMs as Millis,
    operations: [{ name, timestamp, operation: new TextEncoder().encode(`${name}=${timestamp}`) }],
  });
}

function agreed(cluster: Cluster): number {
  return Math.max(...cluster.hosts.map(({ replica }) => replica?.status().agreedTime ?? 0));
}

function reasons(cluster: Cluster): readonly string[] {
  return cluster.events.flatMap(({ event }) => event.kind === "suspicion" ? [event.why] : []);
}

Deno.test("a primary that freezes the agreed time is replaced, and nobody is refused meanwhile", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.runFor(100);
  const propose = lyingPrimary(cluster);
  for (let i = 1; i <= 40; i++) {
    const request = vouched(cluster, { gateway: 1 + i % 3, timestamp: i });
    cluster.submit(request, [1, 2, 3]);
    propose(1, [request]);
    cluster.runFor(950);
    assertEquals(cluster.accepted(request.digest)?.map(show), [`ok ${i}`]);
  }
  assert(reasons(cluster).includes("slow-time"), `${reasons(cluster)}`);
  for (const id of [1, 2, 3]) assertEquals(cluster.host(id).replica!.status().view as number, 1);
  assert(cluster.now - agreed(cluster) < 2_000, `behind by ${cluster.now - agreed(cluster)} ms`);
});

Deno.test("a primary that lets the agreed time run at a tenth of its pace is replaced", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  const from = agreed(cluster);
  const propose = lyingPrimary(cluster);
  for (let i = 1; i <= 40; i++) {
    const request = vouched(cluster, { timestamp: i });
    cluster.submit(request, [1, 2, 3]);
    propose(from + 100 * i, [request]);
    cluster.runFor(950);
  }
  assert(reasons(cluster).includes("slow-time"), `${reasons(cluster)}`);
});

Deno.test("a primary can push the agreed time ahead of its backups' clocks only by the allowed skew and credit", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  const propose = lyingPrimary(cluster);
  const { maxClockSkewMs } = cluster.genesis.limits;
  for (let i = 1; i <= 200; i++) {
    const request = vouched(cluster, { timestamp: i });
    propose(Math.max(cluster.now, agreed(cluster)) + maxClockSkewMs, [request]);
    cluster.runFor(100);
    const ahead = agreed(cluster) - cluster.now;
    assert(ahead <= 2 * maxClockSkewMs + 500, `${ahead} ms ahead after ${i} batches`);
  }
});

Deno.test("a primary that is a minute ahead is replaced at once beside a silent liar, however patient the others are", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  // Its clock is set while it is down. The liar is the fourth: all others are needed.
  cluster.crash(0);
  cluster.crash(3);
  cluster.host(0).clockSkewMs = 60_000;
  cluster.start(0);
  // The others have slow stores, which makes them wait for half a minute and more.
  for (const id of [1, 2]) cluster.step(id, { kind: "store-pace", commitMs: 5_000 });
  cluster.runFor(1_000);
  const began = cluster.now;
  for (let i = 2; i <= 6; i++) ada.call([`x=${i}`]);
  assert(cluster.now - began < 1_000, `${cluster.now - began} ms for 5 requests`);
  assertEquals([0, 1, 2].map((id) => cluster.host(id).replica!.status().view as number), [1, 1, 1]);
});

for (const slow of [false, true]) {
  const stores = slow ? "slow stores" : "fast stores";
  Deno.test(`a replica whose clock was set back while it was down does not hold up those that need it: ${stores}`, () => {
    const cluster = new Cluster();
    const ada = new TestClient(cluster, 1).open();
    ada.call(["x=1"]);
    // The fourth is silent, so that the third is needed.
    cluster.crash(3);
    cluster.crash(2);
    cluster.submit(ada.request(["x=2"]), [0, 1]); // proposed now, and waits for the third
    cluster.runFor(HOUR);
    cluster.host(2).clockSkewMs = -HOUR;
    cluster.start(2);
    if (slow) { for (const id of [0, 1, 2]) cluster.step(id, { kind: "store-pace", commitMs: 5_000 }); }
    cluster.runFor(1_000);
    const began = cluster.now;
    for (let i = 3; i <= 7; i++) ada.call([`x=${i}`]);
    assert(cluster.now - began < 1_000, `${cluster.now - began} ms for 5 requests`);
    assert(Math.abs(cluster.now - agreed(cluster)) < 2_000, `behind by ${cluster.now - agreed(cluster)} ms`);
  });
}

for (
  const [what, awakeMs, proposed, waiting] of [
    ["at no other time", null, [HOUR], [1, 1]],
    ["once after a start", 1_000, [HOUR, 2 * HOUR], [1, 0, 1, 1]],
    ["not after a timestamp near the estimate", 30_000, [0, HOUR], [0, 0, 1, 1]],
    ["also after one that may have waited for the start", 1_000, [0, HOUR], [0, 0, 1, 0]],
  ] as const
) {
  Deno.test(`a replica follows f + 1 that stand for a higher timestamp: ${what}`, () => {
    const cluster = new Cluster();
    new TestClient(cluster, 1).open().call(["x=1"]);
    if (awakeMs !== null) cluster.restart(2);
    cluster.runFor(awakeMs ?? 1_000);
    for (const id of [0, 1, 3]) cluster.crash(id);
    const executed = cluster.host(2).replica!.status().lastExecuted;
    // How many pre-prepares wait for their time with the primary's word alone, and with that of f + 1.
    const seen = proposed.flatMap((ahead, i) => {
      const batch = batchOf(cluster.now + ahead, []);
      const shared = { view: 0 as View, sequence: executed + i + 1 as SequenceNumber, digest: batch.digest };
      const early = () => cluster.host(2).replica!.buffers().earlyPrePrepares;
      cluster.deliver(2, signed<PrePrepare>({ kind: "pre-prepare", replica: 0 as ReplicaId, ...shared }), batch);
      const alone = early();
      cluster.deliver(2, signed<Prepare>({ kind: "prepare", replica: 1 as ReplicaId, ...shared }));
      return [alone, early()];
    });
    assertEquals(seen, [...waiting]);
  });
}

Deno.test("a pre-prepare far ahead of the clock is forgotten once its number is executed by a decision of another batch", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const next = cluster.host(2).replica!.status().lastExecuted + 1;
  const batch = batchOf(cluster.now + HOUR, []);
  const prePrepare = signed<PrePrepare>({
    kind: "pre-prepare",
    replica: 0 as ReplicaId,
    view: 0 as View,
    sequence: next as SequenceNumber,
    digest: batch.digest,
  });
  cluster.deliver(2, prePrepare, batch);
  assertEquals(cluster.host(2).replica!.buffers().earlyPrePrepares, 1);
  ada.call(["a=1"]);
  cluster.runFor(2_000);
  const { status, buffers } = {
    status: cluster.host(2).replica!.status(),
    buffers: cluster.host(2).replica!.buffers(),
  };
  assertEquals([status.lastExecuted >= next, buffers.earlyPrePrepares], [true, 0]);
});

for (
  const [what, skews] of [
    ["an hour behind, at the primary", [-HOUR, 0, 0, 0]],
    ["an hour ahead, at the primary", [HOUR, 0, 0, 0]],
    ["hours apart everywhere", [2 * HOUR, -HOUR, 0, 5 * HOUR]],
    ["an hour behind, at all backups", [0, -HOUR, -HOUR, -HOUR]],
  ] as const
) {
  Deno.test(`once the agreed time is set, clocks may jump: ${what}; all is served in the same view, and time goes on`, () => {
    const cluster = new Cluster();
    const ada = new TestClient(cluster, 1).open();
    const [from, began] = [agreed(cluster), cluster.now];
    skews.forEach((skew, id) => cluster.host(id).clockSkewMs = skew);
    for (let i = 1; i <= 100; i++) {
      ada.call([`x=${i}`]);
      const request = vouched(cluster, { gateway: i % 4, timestamp: i });
      cluster.submit(request, [i % 4]);
      cluster.runFor(1_000);
      assertEquals(cluster.accepted(request.digest)?.map(show), [`ok ${i}`]);
    }
    assertEquals(cluster.hosts.map(({ replica }) => replica!.status().view as number), [0, 0, 0, 0]);
    const [moved, passed] = [agreed(cluster) - from, cluster.now - began];
    assert(Math.abs(moved - passed) < 6_000, `${moved} ms of agreed time in ${passed} ms`);
  });
}

Deno.test("clocks that are wrong by hours from the start cost at most view changes", () => {
  const cluster = new Cluster();
  [3 * HOUR, -HOUR, HOUR, -2 * HOUR].forEach((skew, id) => {
    cluster.host(id).clockSkewMs = skew;
    cluster.crash(id);
  });
  for (const { id } of cluster.hosts) cluster.start(id);
  const ada = new TestClient(cluster, 1).open();
  const views = () => cluster.hosts.map(({ replica }) => replica!.status().view as number);
  const before = views();
  for (let i = 1; i <= 30; i++) ada.call([`x=${i}`]);
  cluster.runFor(60_000);
  for (let i = 31; i <= 60; i++) ada.call([`x=${i}`]);
  assertEquals(views(), before);
});

Deno.test("if all clocks were two hours ahead for one request and are then set right, requests are served, also after restarts", () => {
  const cluster = new Cluster();
  for (const host of cluster.hosts) host.clockSkewMs = 2 * HOUR;
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(100);
  for (const host of cluster.hosts) host.clockSkewMs = 0;
  const ask = (timestamp: number) => {
    const request = vouched(cluster, { gateway: timestamp % 4, timestamp });
    cluster.submit(request, [timestamp % 4]);
    cluster.runFor(2_000);
    assertEquals(cluster.accepted(request.digest)?.map(show), [`ok ${timestamp}`]);
  };
  for (let i = 1; i <= 5; i++) ask(i);
  for (const { id } of cluster.hosts) {
    cluster.crash(id);
    cluster.start(id);
    cluster.runFor(500);
  }
  for (let i = 6; i <= 30; i++) ask(i);
  ada.call(["x=1"]);
  assertEquals(reasons(cluster), []);
});

Deno.test("a cluster that was idle for a day serves a request at once, in the same view, and the next one as well", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(24 * HOUR);
  const first = vouched(cluster, { timestamp: 1 });
  cluster.submit(first, [1]);
  cluster.runFor(500);
  ada.call(["x=1"]);
  assertEquals(cluster.accepted(first.digest)?.map(show), ["ok 1"]);
  assert(cluster.now - agreed(cluster) < 2_000, `behind by ${cluster.now - agreed(cluster)} ms`);
  assertEquals(reasons(cluster), []);
});

Deno.test("a cluster that was down for an hour continues at the right time, after every restart", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 6; i++) {
    for (const { id } of cluster.hosts) cluster.crash(id);
    cluster.runFor(HOUR);
    for (const { id } of cluster.hosts) cluster.start(id);
    // The second start within a moment must know as well what was executed before the first.
    if (i % 2 === 0) {
      for (const { id } of cluster.hosts) {
        cluster.crash(id);
        cluster.start(id);
      }
    }
    ada.call([`x=${i}`]);
    const behind = cluster.now - agreed(cluster);
    assert(Math.abs(behind) < 2_000, `behind by ${behind} ms after ${i} outages`);
  }
});

Deno.test("a request refused as expired is never executed, whatever time the primary proposes later", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const request = vouched(cluster, { validMs: 10 });
  cluster.runFor(1_000);
  ada.call(["x=1"]);
  cluster.submit(request);
  cluster.runFor(500);
  assertEquals(cluster.accepted(request.digest)?.map(show), ["refused expired"]);
  const propose = lyingPrimary(cluster);
  for (const timestamp of [1, cluster.now, request.message.notAfter, cluster.now + 1_000]) {
    propose(timestamp, [request]);
  }
  for (const id of [1, 2, 3]) assertEquals(cluster.host(id).machine.logs.get("bob"), undefined);
});

Deno.test("a name is never evicted while a request that mentions it is valid, to the millisecond", () => {
  const nameIdleMs = 60_000;
  for (let delta = -2; delta <= 2; delta++) {
    for (let later = -2; later <= 2; later++) {
      const cluster = new Cluster({ limits: { maxNames: 2, nameIdleMs } });
      new TestClient(cluster, 1).open();
      const propose = lyingPrimary(cluster);
      const at = agreed(cluster);
      const victim = vouched(cluster, { validMs: nameIdleMs + delta });
      propose(at, [victim, vouched(cluster, { name: "zed" })]);
      cluster.runFor(nameIdleMs + 3_000);
      propose(at + nameIdleMs + later, [vouched(cluster, { name: "noise" })]);
      propose(at + nameIdleMs + later, [vouched(cluster, { name: "other", timestamp: 1 }), victim]);
      propose(at + nameIdleMs + later, [victim, vouched(cluster, { name: "last" }), victim]);
      const ran = cluster.host(1).machine.logs.get("bob")?.length ?? 0;
      assert(ran <= 1, `${ran} times, valid for ${delta}, evicted at ${later}`);
    }
  }
});

Deno.test("a retry that is answered from memory is not executed when its name is forgotten", () => {
  const nameIdleMs = 60_000;
  const cluster = new Cluster({ limits: { maxNames: 1, nameIdleMs } });
  new TestClient(cluster, 1).open();
  const propose = lyingPrimary(cluster);
  const at = agreed(cluster);
  propose(at, [vouched(cluster)]);
  cluster.runFor(nameIdleMs);
  propose(at + nameIdleMs - 10, [vouched(cluster, { timestamp: 2 })].slice(1)); // a null request: nothing moves
  propose(at + nameIdleMs - 10, [
    signedRequest({
      kind: "request",
      client: "d".repeat(64) as never,
      session: 9,
      timestamp: 1,
      lowestUnanswered: 1,
      operations: [new Uint8Array(1)],
    }),
  ]);
  const retry = vouched(cluster, { gateway: 2, validMs: 30_000 });
  cluster.submit(retry, [1, 2, 3]);
  propose(at + nameIdleMs + 100, [retry]);
  propose(at + nameIdleMs + 200, [vouched(cluster, { name: "eve" })]);
  propose(at + nameIdleMs + 300, [retry]);
  assertEquals(cluster.host(1).machine.logs.get("bob"), ["1"]);
});

Deno.test("refusals for passing reasons are forgotten as time passes, even if the clock is set back", () => {
  const cluster = new Cluster({ limits: { maxSessions: 1 } });
  new TestClient(cluster, 1).open();
  const open = new TestClient(cluster, 2).request([], { session: 0, timestamp: 5 });
  cluster.submit(open);
  cluster.runFor(1_000);
  assertEquals(cluster.accepted(open.digest)?.map(show), ["refused too-many-clients"]);
  for (const host of cluster.hosts) host.clockSkewMs = -HOUR;
  for (const { id } of cluster.hosts) cluster.step(id, { kind: "alarm" });
  cluster.runFor(10_000);
  const before = cluster.host(0).replica!.status().lastExecuted;
  cluster.submit(open);
  cluster.runFor(1_000);
  assertGreater(cluster.host(0).replica!.status().lastExecuted, before);
});
