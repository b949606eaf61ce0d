/**
 * What every {@linkcode Store} must do. A store's test file calls {@linkcode testStore} with a way to open a fresh one.
 * @module
 */
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type Digest, digest } from "../../src/core/messages/ids.ts";
import { type Store, StoreConflictError, type Writes } from "../../src/node/ports.ts";

/** One fresh, empty store under test. */
export interface OpenStore {
  readonly store: Store;
  /** Another instance on the same contents, while the ones before stay open or after they were closed. */
  reopen(): Promise<Store>;
  /** Closes every instance and removes what was stored. */
  close(): Promise<void>;
}

/** Registers the suite for one kind of store. */
export function testStore(name: string, open: () => Promise<OpenStore>, options?: Partial<Deno.TestDefinition>): void {
  const test = (what: string, run: (opened: OpenStore) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, { ...options }, async () => {
      const opened = await open();
      try {
        await run(opened);
      } finally {
        await opened.close();
      }
    });

  test("a fresh store is empty and at version 0", async ({ store }) => {
    assertEquals(await contents(store), { version: 0, records: {} });
    assertEquals(await store.read([blobName(1)]), [null]);
  });

  test("each commit increases the version by one, also an empty commit", async ({ store }) => {
    assertEquals(await store.commit(writes({ a: [1] }), 0), 1);
    assertEquals(await store.commit(writes({}), 1), 2);
    assertEquals(await store.commit(writes({ a: null }), 2), 3);
    assertEquals(await contents(store), { version: 3, records: {} });
  });

  test("the last value of a record counts, and null removes it", async ({ store }) => {
    await store.commit(writes({ a: [1], b: [2], c: [3] }), 0);
    await store.commit(writes({ a: [9], b: null, "never there": null }), 1);
    assertEquals(await contents(store), { version: 2, records: { a: [9], c: [3] } });
  });

  test("blobs come in the order asked for, null where there is none, twice if asked twice", async ({ store }) => {
    await store.commit(writes({}, { 1: [1], 2: [2], 3: [3] }), 0);
    await store.commit(writes({}, { 2: null, 4: null }), 1);
    assertEquals(await blobs(store, [3, 2, 1, 4, 3]), [[3], null, [1], null, [3]]);
    assertEquals(await store.read([]), []);
  });

  // A blob that the disk has changed is fetched from the others, and written again under its digest.
  test("a blob that is written again has the last bytes, however many are written at once", async ({ store, reopen }) => {
    const names = Array.from({ length: 24 }, (_, i) => i + 1);
    const all = (value: number) => Object.fromEntries(names.map((name) => [name, [value, name]]));
    let version = 0;
    for (const name of names) version = await store.commit(writes({}, { [name]: [1, name] }), version);
    for (const value of [2, 3]) {
      version = await store.commit(writes({ a: [value] }, all(value)), version);
      assertEquals(await blobs(store, names), Object.values(all(value)));
    }
    version = await store.commit(writes({}, { 1: [4], 2: null }), version);
    const again = await reopen();
    assertEquals(await blobs(again, names), [[4], null, ...Object.values(all(3)).slice(2)]);
    version = await again.commit(writes({}, all(5)), version);
    assertEquals(await blobs(again, names), Object.values(all(5)));
  });

  test("records and blobs have separate names", async ({ store }) => {
    await store.commit(
      { records: new Map([[blobName(1), bytes([1])]]), blobs: new Map([[blobName(2), bytes([2])]]) },
      0,
    );
    assertEquals(await contents(store), { version: 1, records: { [blobName(1)]: [1] } });
    assertEquals(await blobs(store, [1, 2]), [null, [2]]);
  });

  test("another instance finds everything", async ({ store, reopen }) => {
    await store.commit(writes({ a: [1] }, { 1: [1, 2] }), 0);
    await store.close();
    const again = await reopen();
    assertEquals(await contents(again), { version: 1, records: { a: [1] } });
    assertEquals(await blobs(again, [1]), [[1, 2]]);
    assertEquals(await again.commit(writes({ a: [2] }), 1), 2);
  });

  test("keys may be any text, values may be empty, a part of a larger buffer, or a mebibyte", async ({ store, reopen }) => {
    const large = Uint8Array.from({ length: 1 << 20 }, (_, index) => index * 31);
    const records = new Map([["", new Uint8Array(0)], ["accepted/7 ë€😀", large], ["part", large.subarray(3, 6)]]);
    await store.commit({ records, blobs: new Map([[blobName(1), new Uint8Array(0)], [blobName(2), large]]) }, 0);
    const again = await reopen();
    assertEquals(new Map((await again.load()).records), records);
    const [empty, read] = await again.read([blobName(1), blobName(2)]);
    assertEquals(empty, new Uint8Array(0));
    assertEquals(read, large);
  });

  test("thousands of records and blobs go in one commit", async ({ store, reopen }) => {
    const many = Array.from({ length: 5_000 }, (_, index) => index);
    await store.commit({
      records: new Map(many.map((index) => [`record/${index}`, bytes([index & 255])])),
      blobs: new Map(many.map((index) => [blobName(index), bytes([index & 255, 1])])),
    }, 0);
    const again = await reopen();
    const { records } = await again.load();
    assertEquals(records.size, 5_000);
    assertEquals([...records.get("record/4321")!], [4321 & 255]);
    assertEquals(await blobs(again, many), many.map((index) => [index & 255, 1]));
  });

  test("a commit at another version conflicts and changes nothing", async ({ store }) => {
    await store.commit(writes({ a: [1] }, { 1: [1] }), 0);
    for (const expected of [0, 2, 17]) {
      const error = await assertRejects(
        () => store.commit(writes({ a: null, b: [2] }, { 1: null, 2: [2] }), expected),
        StoreConflictError,
      );
      assertEquals([error.expected, error.found], [expected, 1]);
    }
    assertEquals(await contents(store), { version: 1, records: { a: [1] } });
    assertEquals(await blobs(store, [1, 2]), [[1], null]);
    assertEquals(await store.commit(writes({}), 1), 2);
  });

  test("of two instances at one version the second to commit loses, reloads and goes on", async ({ store, reopen }) => {
    const other = await reopen();
    const [first, second] = await Promise.allSettled([
      store.commit(writes({ winner: [1], first: [1] }), 0),
      other.commit(writes({ winner: [2], second: [2] }), 0),
    ]);
    assertEquals([first.status, second.status].sort(), ["fulfilled", "rejected"]);
    assertInstanceOf(
      first.status === "rejected" ? first.reason : (second as PromiseRejectedResult).reason,
      StoreConflictError,
    );
    const seen = await contents(other);
    assertEquals(seen, await contents(store));
    assertEquals(
      seen.records,
      first.status === "fulfilled" ? { winner: [1], first: [1] } : { winner: [2], second: [2] },
    );
    assertEquals(await other.commit(writes({ winner: [3] }), seen.version), 2);
    await assertRejects(() => store.commit(writes({}), 1), StoreConflictError);
  });

  test("a commit that fails half way changes nothing", async ({ store }) => {
    await store.commit(writes({ a: [1] }, { 1: [1] }), 0);
    const good = writes({ a: [9], b: [2] }, { 1: null, 2: [2] });
    class Failing<K, V> extends Map<K, V> {
      override *[Symbol.iterator](): MapIterator<[K, V]> {
        yield* super[Symbol.iterator]();
        throw new Error("failed half way");
      }
    }
    await assertRejects(() => store.commit({ ...good, blobs: new Failing(good.blobs) }, 1), Error, "failed half way");
    const text = "not bytes" as unknown as Uint8Array;
    const message = `record "c": expected a Uint8Array or null, got string`;
    await assertRejects(
      () => store.commit({ ...good, records: new Map([["a", bytes([7])], ["c", text]]) }, 1),
      TypeError,
      message,
    );
    assertEquals(await contents(store), { version: 1, records: { a: [1] } });
    assertEquals(await blobs(store, [1, 2]), [[1], null]);
    assertEquals(await store.commit(good, 1), 2);
  });

  test("a change of bytes after they were written or read does not change the store", async ({ store }) => {
    const given = writes({ a: [1] }, { 1: [1] });
    await store.commit(given, 0);
    given.records.get("a")!.fill(7);
    given.blobs.get(blobName(1))!.fill(7);
    (await store.load()).records.get("a")!.fill(8);
    (await store.read([blobName(1)]))[0]!.fill(8);
    assertEquals((await contents(store)).records, { a: [1] });
    assertEquals(await blobs(store, [1]), [[1]]);
  });

  test("what was loaded does not change with later commits", async ({ store }) => {
    await store.commit(writes({ a: [1] }), 0);
    const loaded = await store.load();
    await store.commit(writes({ a: [2], b: [2] }), 1);
    assertEquals([loaded.version, [...loaded.records.keys()], [...loaded.records.get("a")!]], [1, ["a"], [1]]);
  });

  test("an invalid expected version is a RangeError", async ({ store }) => {
    for (const expected of [-1, 0.5, NaN]) {
      await assertRejects(() => store.commit(writes({}), expected), RangeError, `got ${expected}`);
    }
  });

  test("a call on a closed store rejects, and a second close has no effect", async ({ store, reopen }) => {
    await store.commit(writes({ a: [1] }), 0);
    const other = await reopen();
    await store.close();
    await store.close();
    const message = "expected an open store, got one that has been closed";
    await assertRejects(() => store.load(), TypeError, `load: ${message}`);
    await assertRejects(() => store.read([]), TypeError, `read: ${message}`);
    await assertRejects(() => store.commit(writes({}), 1), TypeError, `commit: ${message}`);
    assertEquals(await contents(other), { version: 1, records: { a: [1] } });
  });
}

type Values = { readonly [key: string]: readonly number[] | null };

function bytes(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

/** A digest for test content number `index`. */
function blobName(index: number): Digest {
  return digest(index.toString(16).padStart(64, "0"));
}

function writes(records: Values, content: Values = {}): Writes {
  const value = (values: readonly number[] | null) => values && bytes(values);
  return {
    records: new Map(Object.entries(records).map(([key, values]) => [key, value(values)])),
    blobs: new Map(Object.entries(content).map(([index, values]) => [blobName(Number(index)), value(values)])),
  };
}

async function contents(store: Store): Promise<{ version: number; records: Values }> {
  const { version, records } = await store.load();
  return { version, records: Object.fromEntries([...records].map(([key, value]) => [key, [...value]])) };
}

async function blobs(store: Store, indexes: readonly number[]): Promise<readonly (readonly number[] | null)[]> {
  return (await store.read(indexes.map(blobName))).map((blob) => blob && [...blob]);
}
