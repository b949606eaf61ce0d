import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import type { Millis, ReplicaId } from "../../src/core/messages/ids.ts";
import { utf8 } from "../../src/core/tree/text.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { show, signedRequest } from "./_messages.ts";

Deno.test("four replicas order a request, execute it and agree on the answer", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  assertEquals(ada.call(["x=1"]).map(show), ["ok 1"]);
  cluster.runFor(100);
  cluster.assertAlike();
});

for (const n of [1, 4, 5, 6, 7, 8, 10]) {
  Deno.test(`${n} replicas order a hundred requests over several checkpoints`, () => {
    const cluster = new Cluster({ n });
    const ada = new TestClient(cluster, 1).open();
    for (let i = 1; i <= 100; i++) assertEquals(ada.call([`x=${i}`]).map(show), [`ok ${i}`]);
    cluster.runFor(3_000);
    cluster.assertAlike();
    assert(cluster.host(0).replica!.status().lowWatermark >= 96);
  });
}

for (let seed = 1; seed <= 20; seed++) {
  Deno.test(`with 30 % of messages lost, doubled and reordered, every request is ordered once (seed ${seed})`, () => {
    const cluster = new Cluster({ seed, loss: 0.3, doubling: 0.3, maxLatencyMs: 40 });
    const clients = [1, 2, 3].map((name) => new TestClient(cluster, name).open());
    for (let i = 1; i <= 20; i++) for (const client of clients) client.call([`${client.id.slice(-1)}=${i}`]);
    cluster.runFor(20_000);
    cluster.assertAlike();
    const once = Array.from({ length: 20 }, (_, i) => String(i + 1));
    for (const client of clients) assertEquals(cluster.host(0).machine.logs.get(client.id.slice(-1)), once);
  });
}

for (let seed = 1; seed <= 20; seed++) {
  Deno.test(`replicas that crash and restart at random lose nothing and run nothing twice (seed ${seed})`, () => {
    const cluster = new Cluster({ seed, loss: 0.05, maxLatencyMs: 20 });
    const ada = new TestClient(cluster, 1).open();
    for (let i = 1; i <= 60; i++) {
      ada.call([`x=${i}`]);
      const victim = Math.floor(cluster.random.next() * 4);
      if (cluster.random.next() < 0.3) cluster.crash(victim);
      if (cluster.random.next() < 0.1) { for (const { id } of cluster.hosts) cluster.crash(id); }
      for (const { id, replica } of cluster.hosts) {
        if (!replica && (id === 0 || cluster.random.next() < 0.7)) cluster.start(id);
      }
      for (const { id, replica } of cluster.hosts) {
        if (!replica && cluster.hosts.filter((h) => !h.replica).length > 1) cluster.start(id);
      }
    }
    for (const { id, replica } of cluster.hosts) if (!replica) cluster.start(id);
    cluster.runFor(20_000);
    cluster.assertAlike();
    assertEquals(cluster.host(3).machine.logs.get("x"), Array.from({ length: 60 }, (_, i) => String(i + 1)));
  });
}

Deno.test("a backup that was down over many checkpoints catches up with no traffic, by state transfer", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["y=0"]);
  cluster.crash(3);
  for (let i = 1; i <= 60; i++) ada.call([`x=${i}`, `k${i}=1`]);
  cluster.start(3);
  cluster.runFor(10_000);
  cluster.assertAlike();
  assert(
    cluster.events.some(({ replica, event }) =>
      replica === 3 && event.kind === "state-transfer" && event.phase === "finished"
    ),
  );
});

Deno.test("blobs of states long past are dropped from the store", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 1; i <= 200; i++) ada.call([`x=${i}`]);
  const { blobs } = cluster.host(1).disk;
  assert(blobs.size < 40, `${blobs.size} blobs are kept`);
});

Deno.test("the results of one request are bounded together: operations without room left do not run", () => {
  const cluster = new Cluster({ limits: { maxSessionReplyBytes: 3 } });
  const ada = new TestClient(cluster, 1).open();
  assertEquals(ada.call(["x=1", "x=2", "x=3", "x=4"]).map(show), [
    "ok 1",
    "ok 2",
    "ok 3",
    "refused reply-storage-full",
  ]);
  cluster.runFor(100);
  assertEquals(cluster.host(0).machine.logs.get("x"), ["1", "2", "3"]);
});

Deno.test("a rejection or error of the state machine is the same answer on all replicas, and ordering goes on", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  assertEquals(ada.call(["nonsense", "x=crash", "x=1"]).map(show), [
    "rejected expected key=value",
    "rejected the state machine failed",
    "ok 1",
  ]);
  cluster.runFor(1_000);
  cluster.assertAlike();
});

Deno.test("a batch that is ahead of a backup's clock is kept until its time, and one far ahead costs the primary its view", () => {
  const cluster = new Cluster();
  cluster.host(0).clockSkewMs = 5_300; // 300 ms more than is allowed
  const ada = new TestClient(cluster, 1).open();
  assertEquals(cluster.host(1).replica!.status().view, 0);
  cluster.host(0).clockSkewMs = 60_000;
  assertEquals(ada.call(["x=1"]).map(show), ["ok 1"]);
  assert(cluster.host(1).replica!.status().view > 0);
  assert(cluster.host(1).replica!.status().agreedTime <= cluster.now + 5_000);
});

Deno.test("requests that come together go into one batch", () => {
  const cluster = new Cluster();
  const clients = [1, 2, 3].map((name) => new TestClient(cluster, name).open());
  cluster.runFor(100);
  const before = cluster.host(0).replica!.status().lastExecuted;
  const requests = clients.map((client) => client.request(["x=1"]));
  requests.forEach((request, i) => cluster.step(0, { kind: "request", request, more: i < 2 }));
  cluster.runUntil(() => requests.every(({ digest }) => cluster.accepted(digest)));
  assertEquals(cluster.host(0).replica!.status().lastExecuted, before + 1);
});

Deno.test("an expired gateway request is refused, but the result of one executed in time is returned", () => {
  const cluster = new Cluster();
  const vouch = (notAfter: number, operations: readonly string[]) =>
    signedRequest({
      kind: "gateway-request",
      gateway: 2 as ReplicaId,
      notAfter: notAfter as Millis,
      operations: operations.map((operation, i) => ({ name: "ada", timestamp: i, operation: utf8(operation) })),
    });
  const call = (request: ReturnType<typeof vouch>) => {
    cluster.submit(request);
    cluster.runUntil(() => cluster.accepted(request.digest) !== null);
    return cluster.accepted(request.digest)!.map(show);
  };
  assertEquals(call(vouch(cluster.now + 1_000, ["x=1"])), ["ok 1"]);
  assertEquals(call(vouch(cluster.now - 1_000, ["x=1", "x=2"])), ["ok 1", "refused expired"]);
  assertEquals(call(vouch(cluster.now + 10 * DEFAULT_LIMITS.nameIdleMs, ["x=1", "x=2"])), [
    "ok 1",
    "refused too-early",
  ]);
  assertEquals(cluster.host(2).machine.logs.get("x"), ["1"]);
});
