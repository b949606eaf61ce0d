import { assert, assertEquals } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "./_cluster.ts";

/** A cluster that executes what a test has it do, and what its replicas tell. */
async function openCluster() {
  const events: [ReplicaId, ReplicaEvent][] = [];
  const observer = (id: ReplicaId) => ({ onEvent: (event: ReplicaEvent) => void events.push([id, event]) });
  const cluster = await Cluster.open({ node: (id) => ({ observers: [observer(id)] }) });
  let timestamp = 0;
  const write = async (times: number, at = 0) => {
    for (let i = 0; i < times; i++) {
      const written = cluster.node(at).vouch([{ name: "ada", timestamp: ++timestamp, operation: utf8("INCR n") }]);
      let isWritten = false;
      void written.then((answer) => isWritten = "results" in answer);
      // A primary may have to be replaced first.
      for (let ms = 0; ms < 30_000 && (ms === 0 || !isWritten); ms += 600) await cluster.timer.advance(600);
      assert(isWritten);
    }
  };
  const told = (kind: ReplicaEvent["kind"]) =>
    events.filter(([, event]) => event.kind === kind).map(([id]) => id as number);
  return { cluster, write, told };
}

for (
  const [behind, what] of [
    [1, "one number"],
    [3, "a few numbers"],
    [9, "checkpoints"],
    [40, "several windows"],
    [6, "only what is behind a stable checkpoint since"],
  ] as const
) {
  Deno.test(`a replica whose store is a copy that lacks ${what} learns that from the others, and recovers`, async () => {
    const { cluster, write, told } = await openCluster();
    await write(6);
    const copy = cluster.stores.get(2 as ReplicaId)!.copy();
    await write(behind);
    cluster.crash(2);
    cluster.stores.set(2 as ReplicaId, copy);
    await cluster.start(2);
    await cluster.timer.advance(1_000);
    const expected = behind === 6 ? [] : [2];
    assertEquals(told("old-copy"), expected);
    await write(24);
    for (let i = 0; i < 40 && cluster.node(2).status().replica.recovering; i++) await cluster.timer.advance(5_000);
    assertEquals(cluster.node(2).status().replica.recovering, false);
    assertEquals(told("recovered"), expected);
    await write(1);
    await cluster.timer.advance(2_000);
    assertEquals(cluster.node(2).status().replica.lastExecuted, cluster.node(0).status().replica.lastExecuted);
    for (const id of cluster.ids) assertEquals(cluster.node(id).status().replica.evidence, []);
    await cluster.close();
  });
}

Deno.test("a copy of a store that was made during a recovery is an old one once the replica has voted again", async () => {
  const { cluster, write, told } = await openCluster();
  const store = () => cluster.stores.get(2 as ReplicaId)!;
  const isRecovering = () => cluster.node(2).status().replica.recovering;
  /** Restarts it on a copy; returns the last copy that was made before it voted again. */
  const restore = async (copy: MemoryStore) => {
    cluster.crash(2);
    cluster.stores.set(2 as ReplicaId, copy);
    await cluster.start(2);
    let last = store().copy();
    // If it is the primary, the others have to replace it first.
    for (let ms = 0; ms < 1_000 || (isRecovering() && ms < 200_000); ms += 10) {
      if (isRecovering()) last = store().copy();
      await cluster.timer.advance(10);
    }
    return last;
  };
  await write(6);
  const old = store().copy();
  await write(3);
  cluster.network.latencyMs = 20;
  const amid = await restore(old);
  cluster.network.latencyMs = 0;
  assertEquals([told("old-copy"), told("recovered")], [[2], [2]]);
  // Two votes that are not behind a stable checkpoint.
  await write(2 + (4 - cluster.node(0).status().replica.lastExecuted % 4) % 4);
  await restore(amid);
  assertEquals([told("old-copy"), told("recovered")], [[2, 2], [2, 2]]);
  for (const id of cluster.ids) assertEquals(cluster.node(id).status().replica.evidence, []);
  await cluster.close();
});

Deno.test("a replica that starts with a complete store does not recover, whichever it is, in whatever order the replicas restart", async () => {
  const { cluster, write, told } = await openCluster();
  for (let round = 0; round < 8; round++) {
    await write(1 + round % 5);
    const id = (3 * round + 1) % 4;
    cluster.crash(id);
    await write(round % 3, (id + 1) % 4);
    await cluster.start(id);
    await cluster.timer.advance(round % 2 === 0 ? 0 : 500);
  }
  for (const id of cluster.ids) cluster.crash(id);
  for (const id of cluster.ids) await cluster.start(id);
  await cluster.timer.advance(1_000);
  await write(3);
  assertEquals([told("old-copy"), cluster.node(0).status().replica.lastExecuted > 0], [[], true]);
  await cluster.close();
});

Deno.test("an old copy that reuses numbers of its statuses is still answered", async () => {
  const { cluster, write, told } = await openCluster();
  await write(6);
  const copy = cluster.stores.get(2 as ReplicaId)!.copy();
  for (let restart = 0; restart < 3; restart++) {
    cluster.crash(2);
    await cluster.start(2);
    await write(1);
  }
  cluster.crash(2);
  cluster.stores.set(2 as ReplicaId, copy);
  await cluster.start(2);
  await cluster.timer.advance(0);
  assertEquals(told("old-copy"), [2]);
  await write(1);
  await cluster.close();
});

Deno.test("with f of the others down a replica that starts still votes", async () => {
  const { cluster, write, told } = await openCluster();
  await write(5);
  cluster.crash(3);
  cluster.crash(2);
  await cluster.start(2);
  await write(2);
  assertEquals(told("old-copy"), []);
  await cluster.close();
});

Deno.test("a replica that starts sends no new votes before the others have returned its last messages", async () => {
  const { cluster, write, told } = await openCluster();
  await write(6);
  const copy = cluster.stores.get(0 as ReplicaId)!.copy();
  await write(3, 1);
  cluster.crash(0);
  cluster.stores.set(0 as ReplicaId, copy);
  for (const id of [1, 2, 3]) cluster.network.down.add(id as ReplicaId);
  const primary = await cluster.start(0);
  const { version } = await copy.load();
  void primary.vouch([{ name: "eve", timestamp: 1, operation: utf8("INCR n") }]);
  await cluster.timer.advance(3_000);
  assertEquals((await copy.load()).version, version, "a primary that proposes would have stored it first");
  for (const id of [1, 2, 3]) cluster.network.down.delete(id as ReplicaId);
  await cluster.timer.advance(20_000);
  assertEquals(told("old-copy"), [0]);
  await cluster.close();
});
