import { assert, assertEquals } from "@std/assert";
import type { Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import { type Store, StoreLimitError } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { Cluster } from "./_cluster.ts";

/** A store that takes no more than so many records, and so many bytes, in one commit. */
function limited(most: { readonly records: number; readonly bytes: number }): Store & { refused: number } {
  const store = new MemoryStore();
  return {
    refused: 0,
    load: () => store.load(),
    read: (digests) => store.read(digests),
    close: () => store.close(),
    commit(writes, expected) {
      const bytes = [...writes.records.values()].reduce((sum, value) => sum + (value?.length ?? 0), 0);
      if (writes.records.size <= most.records && bytes <= most.bytes) return store.commit(writes, expected);
      this.refused++;
      return Promise.reject(new StoreLimitError(`${writes.records.size} records of ${bytes} bytes`));
    },
  };
}

const voteOf = (cluster: Cluster, replica: number, sequence: number) =>
  cluster.author(replica + 1).frame(
    {
      kind: "prepare",
      replica: replica as ReplicaId,
      view: 0,
      sequence,
      digest: String(sequence).padStart(64, "0") as Digest,
    } as Parameters<ReturnType<Cluster["author"]>["frame"]>[0],
  );

Deno.test("a commit above a limit of the store is split, and never repeated unchanged", async () => {
  const store = limited({ records: 5, bytes: 1_000_000 });
  const cluster = await Cluster.open({ node: (id) => id === 0 ? { persistInputs: true, store } : {} });
  const frames = [1, 2, 3].flatMap((replica) => Array.from({ length: 10 }, (_, i) => voteOf(cluster, replica, i + 1)));
  const answers = cluster.node(0).receive(frames);
  await cluster.timer.advance(10_000);
  assertEquals(await answers, frames.map(() => null));
  assert(store.refused > 0 && store.refused < 8, `${store.refused}`);
  const { records } = await store.load();
  assertEquals([...records.keys()].filter((key) => key.startsWith("input/prepare/")).length, 30);
  await cluster.close();
});

Deno.test("an input that is too large for any commit is rejected to its sender, and the replica continues without it", async () => {
  const store = limited({ records: 100, bytes: 4_000 });
  const cluster = await Cluster.open({ node: (id) => id === 0 ? { persistInputs: true, store } : {} });
  const client = cluster.author(9);
  const large = client.frame(client.request({ session: 1, operations: [`SET a ${"x".repeat(5_000)}`] }));
  const answers = cluster.node(0).receive([voteOf(cluster, 1, 1), large, voteOf(cluster, 2, 1)]);
  await cluster.timer.advance(20_000);
  const [before, refused, after] = await answers;
  assertEquals([before, after, refused?.reason], [null, null, "overloaded"]);
  const count = store.refused;
  await cluster.timer.advance(20_000);
  assertEquals(store.refused, count);
  assertEquals(cluster.node(0).status().storeError, undefined);
  await cluster.close();
});
