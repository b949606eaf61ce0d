import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../src/stores/memory.ts";
import { testStore } from "./conformance.ts";

testStore("memory", () => {
  const store = new MemoryStore();
  return Promise.resolve({ store, reopen: () => Promise.resolve(store.reopen()), close: () => store.close() });
});

Deno.test("memory: a copy does not change with the original", async () => {
  const records = (value: number) => ({ records: new Map([["a", Uint8Array.of(value)]]), blobs: new Map() });
  const store = new MemoryStore();
  await store.commit(records(1), 0);
  const copy = store.copy();
  await store.commit(records(2), 1);
  assertEquals((await copy.load()).records.get("a"), Uint8Array.of(1));
  assertEquals(await copy.commit(records(3), 1), 2);
  assertEquals((await store.load()).records.get("a"), Uint8Array.of(2));
});
