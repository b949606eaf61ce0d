import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Millis, ReplicaId } from "../../src/core/messages/ids.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { show, signedRequest } from "./_messages.ts";

Deno.test("the status of a replica that is several windows behind lists no more numbers than one window has", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, to) => from !== 3 && to !== 3;
  for (let i = 1; i <= 100; i++) ada.call([`x=${i}`]);
  const stages: number[] = [];
  cluster.filter = (from, _to, message) => {
    if (from === 3 && message.kind === "status") stages.push(message.stages.length);
    return message.kind !== "blobs";
  };
  for (let i = 101; i <= 120; i++) ada.call([`x=${i}`]);
  cluster.runFor(5_000);
  assert(cluster.host(3).replica!.status().transferring);
  assertGreater(stages.length, 0);
  assert(Math.max(...stages) <= cluster.genesis.logWindow, `${Math.max(...stages)} stages`);
});

Deno.test("a gateway request that was executed is answered from memory when it comes again, and is not ordered again", () => {
  const cluster = new Cluster();
  const vouch = (notAfter: number, operation: string) =>
    signedRequest({
      kind: "gateway-request",
      gateway: 2 as ReplicaId,
      notAfter: notAfter as Millis,
      operations: [{ name: "ada", timestamp: 1, operation: new TextEncoder().encode(operation) }],
    });
  const once = vouch(cluster.now + 10_000, "x=1");
  cluster.submit(once);
  cluster.runUntil(() => cluster.accepted(once.digest) !== null);
  cluster.runFor(500);
  const before = cluster.hosts.map(({ replica }) => replica!.status().lastExecuted);
  const again = vouch(cluster.now + 20_000, "x=1");
  for (const request of [once, again]) cluster.submit(request);
  cluster.runFor(2_000);
  assertEquals(cluster.hosts.map(({ replica }) => replica!.status().lastExecuted), before);
  assertEquals(cluster.accepted(again.digest)!.map(show), ["ok 1"]);
});

/** How far the replicas come while copies of a request keep coming to all of them. */
function ordersFor(cluster: Cluster, request: ReturnType<TestClient["request"]>): number {
  cluster.runFor(500); // so that all are as far
  const highest = () => Math.max(...cluster.hosts.map(({ replica }) => replica!.status().lastExecuted));
  const before = highest();
  for (let i = 0; i < 10; i++) {
    cluster.submit(request);
    cluster.runFor(150);
  }
  return highest() - before;
}

Deno.test("a request that was answered long ago is not ordered again, whoever still has a copy of it", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const old = ada.request(["x=1"]);
  ada.retry(old);
  ada.call(["x=2"], { timestamp: 2, lowestUnanswered: 2 });
  assertEquals(ordersFor(cluster, old), 0);
  assertEquals(cluster.accepted(old.digest)!.map(show), ["refused stale-timestamp"]);
  assertEquals(cluster.host(0).machine.logs.get("x"), ["1", "2"]);
});

Deno.test("a request of an evicted session, and the opening of an open one, are not ordered again", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  const unknown = ada.request(["x=2"], { session: 2 });
  assertEquals(ordersFor(cluster, unknown), 0);
  assertEquals(cluster.accepted(unknown.digest)!.map(show), ["refused unknown-session"]);
  const opening = ada.request([], { session: 0, timestamp: 77 });
  ada.retry(opening);
  assertEquals(ordersFor(cluster, opening), 0);
});

Deno.test("a request beyond the window is ordered only once, although copies of it keep arriving for a while", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  const far = ada.request(["x=2"], { timestamp: 1_000_000, lowestUnanswered: 1 });
  assertEquals(ordersFor(cluster, far), 1);
  assertEquals(cluster.accepted(far.digest)!.map(show), ["refused beyond-window"]);
});

Deno.test("a replica drops the pending requests that a state transfer has skipped", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, to) => from !== 3 && to !== 3;
  for (let i = 1; i <= 60; i++) ada.call([`x=${i}`]); // which come to all
  assertEquals(cluster.host(3).replica!.status().pendingRequests, 60);
  cluster.filter = () => true;
  cluster.runFor(10_000);
  assertEquals(cluster.host(3).replica!.status().pendingRequests, 0);
  cluster.assertAlike();
});

Deno.test("while nothing is executed, a backup relays a few pending requests to all replicas, and all of them to the primary", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(500);
  const requests = Array.from({ length: 20 }, (_, i) => ada.request([`x=${i}`], { timestamp: i + 1 }));
  const told = new Map<number, Set<number>>();
  cluster.filter = (from, to, message) => {
    // The primary takes nothing, so that nothing moves.
    if (from === 1 && message.kind === "request") told.set(to, (told.get(to) ?? new Set()).add(message.timestamp));
    return to !== 0;
  };
  for (const request of requests) cluster.submit(request, [1]);
  cluster.runFor(400);
  assertEquals(told.get(0)?.size, 20);
  assertEquals([...told.get(2)!].sort((a, b) => a - b), [1, 2, 3, 4]);
});

Deno.test("a backup does not relay to the primary what the primary has proposed", () => {
  const cluster = new Cluster({
    checkpointInterval: 32,
    limits: { maxBatchRequests: 1 },
    settings: { pipelineDepth: 32 },
  });
  const ada = new TestClient(cluster, 1).open();
  cluster.runFor(500);
  const requests = Array.from({ length: 20 }, (_, i) => ada.request([`x=${i}`], { timestamp: i + 1 }));
  const told = new Set<number>();
  cluster.filter = (from, to, message) => {
    if (from === 1 && to === 0 && message.kind === "request") told.add(message.timestamp);
    return message.kind !== "commit" || message.view > 0; // all stay open in view 0
  };
  for (const request of requests) cluster.submit(request, [0, 1]);
  cluster.runFor(350);
  assertEquals(cluster.hosts.map(({ replica }) => replica!.status().view), [0, 0, 0, 0]);
  // Nothing moves, so some go to all, and the primary is one of them.
  assertEquals([...told].sort((a, b) => a - b), [1, 2, 3, 4]);
  cluster.runUntil(() => requests.every(({ digest }) => cluster.accepted(digest) !== null));
});

for (const latencyMs of [5, 250]) {
  Deno.test(`a request waits longer than usual before it is relayed, where a message takes ${latencyMs} ms`, () => {
    const cluster = new Cluster({ latencyMs });
    const ada = new TestClient(cluster, 1).open();
    for (let i = 0; i < 8; i++) ada.call([`x=${i}`]);
    cluster.runFor(5_000);
    let relayedAt: number | null = null;
    cluster.filter = (from, to, message) => {
      if (from === 1 && to === 0 && message.kind === "request") relayedAt ??= cluster.now;
      return true;
    };
    const request = ada.request(["x=9"]);
    const began = cluster.now;
    cluster.submit(request, [1]);
    cluster.runUntil(() => cluster.accepted(request.digest) !== null);
    // A batch takes two messages at a backup.
    assertGreater(relayedAt! - began, 2 * latencyMs);
    assertLess(relayedAt! - began, 150 + 8 * latencyMs);
    assertEquals(cluster.hosts.map(({ replica }) => replica!.status().view), [0, 0, 0, 0]);
  });
}

for (const backMs of [4_000, 900_000]) {
  Deno.test(`a replica whose clock is set back by ${backMs / 1000} s sends and answers as before`, () => {
    const cluster = new Cluster();
    const ada = new TestClient(cluster, 1).open();
    ada.call(["x=1"]);
    cluster.runFor(100);
    const host = cluster.host(3);
    cluster.filter = (_from, to, message) => to !== 3 || message.kind === "status";
    for (let i = 2; i <= 6; i++) ada.call([`x=${i}`]);
    cluster.runFor(1_000);
    host.clockSkewMs = -backMs;
    cluster.filter = () => true;
    // It says what it lacks, and it is told.
    cluster.runFor(3_000);
    assertEquals(host.replica!.status().lastExecuted, cluster.host(0).replica!.status().lastExecuted);
    let statuses = 0;
    cluster.filter = (from, to, message) => {
      if (from === 3 && to === 1 && message.kind === "status") statuses++;
      return true;
    };
    cluster.runFor(10_000);
    assertGreater(statuses, 3);
  });
}
