import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../src/stores/memory.ts";
import { markLostDisk, restore } from "../../src/node/recovery.ts";
import { WriteSet } from "../../src/node/records.ts";
import type { Digest, ReplicaId } from "../../src/core/ids.ts";
import type { Genesis } from "../../src/core/config.ts";

const identity = {
  genesis: { replicas: [{ name: "Apple", publicKey: "aa".repeat(32) }] } as unknown as Genesis,
  cluster: "c".repeat(64) as Digest,
  self: 0 as ReplicaId,
};

Deno.test("that a disk was lost is kept in the store, with the bound once it is known, until it is over", async () => {
  const store = new MemoryStore();
  await markLostDisk(store, identity);
  let restored = await restore(store, identity);
  assertEquals(restored.recovered.lostDisk, { bound: null });
  const write = async (bound: number | null) => {
    const set = new WriteSet();
    restored.book.write({ kind: "lost-disk", bound: bound as never }, set);
    assertEquals(set.isBinding, true);
    await store.commit(set, restored.version);
    restored = await restore(store, identity);
  };
  await write(512);
  assertEquals(restored.recovered.lostDisk, { bound: 512 as never });
  await markLostDisk(store, identity);
  restored = await restore(store, identity);
  assertEquals(restored.recovered.lostDisk, { bound: 512 as never }, "to say it again does not start it anew");
  await write(null);
  assertEquals(restored.recovered.lostDisk, undefined);
});
