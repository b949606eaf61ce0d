import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Millis, ReplicaId } from "../../src/core/ids.ts";
import { Cluster, show, signedRequest, TestClient } from "./_cluster.ts";

Deno.test("the status of a replica that is windows behind and fetches a state names no more numbers than one window has", () => {
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
  assert(cluster.host(3).replica!.status().transferring);
  assertGreater(stages.length, 0);
  assert(Math.max(...stages) <= cluster.genesis.logWindow, `${Math.max(...stages)} stages`);
});

Deno.test("a vouched request that was executed is answered from memory when it comes again, and is not ordered again", () => {
  const cluster = new Cluster();
  const vouch = (notAfter: number, operation: string) =>
    signedRequest({
      kind: "vouched-request",
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
