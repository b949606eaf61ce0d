import { assertEquals, assertInstanceOf } from "@std/assert";
import type { Store } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { markLostDisk, restore } from "../../src/node/storage/opening.ts";
import { StartError } from "../../src/node/storage/store_errors.ts";
import { wrap } from "../../src/core/wrap.ts";
import { WriteSet } from "../../src/node/storage/record_writer.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { type LostDisk, NEW_RECOVERY } from "../../src/core/records.ts";

const identity = {
  genesis: { replicas: [{ name: "Apple", publicKey: "aa".repeat(32) }], limits: DEFAULT_LIMITS } as unknown as Genesis,
  cluster: "c".repeat(64) as Digest,
  self: 0 as ReplicaId,
};

Deno.test("the recovery from a lost disk is recorded in the store, with its progress, until it is finished", async () => {
  const store = new MemoryStore();
  await markLostDisk(store, identity);
  let restored = await restore(store, identity);
  assertEquals(restored.storedState.lostDisk, NEW_RECOVERY);
  const write = async (found: LostDisk | null) => {
    const set = new WriteSet();
    restored.writer.write({ kind: "lost-disk", found }, set);
    assertEquals(set.isBinding, true);
    await store.commit(set, restored.version);
    restored = await restore(store, identity);
  };
  const report = { stable: 8 as SequenceNumber, executed: 9 as SequenceNumber, view: 3 as View };
  for (const bound of [null, 512 as SequenceNumber]) {
    const found = { challenge: 7 as Millis, bound, left: 2 as View, reports: new Map([[2 as ReplicaId, report]]) };
    await write(found);
    assertEquals(restored.storedState.lostDisk, found);
    await markLostDisk(store, identity);
    restored = await restore(store, identity);
    assertEquals(restored.storedState.lostDisk, found, "to say it again does not start it anew");
  }
  await write(null);
  assertEquals(restored.storedState.lostDisk, undefined);
});

Deno.test("a halted replica starts over when it is started with `recover`", async () => {
  const store = new MemoryStore();
  const { version, writer } = await restore(store, { ...identity }, { start: "new" });
  const set = new WriteSet();
  writer.write({ kind: "view", view: 3 as View, viewChange: null, newView: null }, set);
  set.put("halted", "its state differs");
  await store.commit(set, version);
  assertEquals((await restore(store, identity)).halted, "its state differs");
  await markLostDisk(store, identity);
  const { halted, storedState } = await restore(store, identity);
  assertEquals([halted, storedState.view, storedState.lostDisk], [null, 0 as View, NEW_RECOVERY]);
});

Deno.test("several instances of a replica may be started with `recover` at the same time on one store", async () => {
  const store = new MemoryStore();
  await Promise.all([1, 2, 3].map(() => restore(store, identity, { start: "recover" })));
  const { version, storedState } = await restore(store, identity);
  assertEquals([storedState.lostDisk, version], [NEW_RECOVERY, 1]);
});

for (const done of [0, 1, 2]) {
  Deno.test(`a start with \`recover\` that ends after ${done} commits is forgotten by no later start`, async () => {
    const store = new MemoryStore();
    let commits = 0;
    const failing = wrap(store, {
      commit: (...args) => ++commits > done ? Promise.reject(new Error("no more")) : store.commit(...args),
    });
    await restore(failing, identity, { start: "recover" }).catch(() => {});
    // Its operator gives `recover` once, as the docs say.
    const again = await restore(store, identity).catch((error) => error);
    if (done === 0) assertInstanceOf(again, StartError);
    else assertEquals(again.storedState.lostDisk, NEW_RECOVERY);
  });
}

const UNUSABLE: { readonly [why: string]: Record<string, Uint8Array> } = {
  "its owner's record is rotten": { identity: new Uint8Array([0xff]) },
  "it has no owner's record": { view: new Uint8Array([0xff]) },
  "a record is rotten": { view: new Uint8Array([0xff]) },
};

for (const [why, records] of Object.entries(UNUSABLE)) {
  Deno.test(`a store is set aside if ${why}, and the one in its place is marked by its first commit`, async () => {
    let current = new MemoryStore();
    if (why.startsWith("a record")) await restore(current, identity, { start: "new" });
    const { version } = await current.load();
    await current.commit({ records: new Map(Object.entries(records)), blobs: new Map() }, version);
    let [aside, commits] = [0, 0];
    const store = wrap<Store>(current, {
      load: () => current.load(),
      read: (digests) => current.read(digests),
      setAside: () => {
        aside++;
        current = new MemoryStore();
        return Promise.resolve();
      },
      commit: (...args) => ++commits > 1 ? Promise.reject(new Error("no more")) : current.commit(...args),
    });
    await restore(store, identity, { start: "recover" }).catch(() => {});
    assertEquals([aside, (await restore(current, identity)).storedState.lostDisk], [1, NEW_RECOVERY]);
  });
}
