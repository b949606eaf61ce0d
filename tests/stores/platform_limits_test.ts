import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type Digest, digest } from "../../src/core/messages/ids.ts";
import { StoreLimitError } from "../../src/node/ports.ts";
import { DenoKvStore, type KvDatabase, type KvKey } from "../../src/stores/deno_kv.ts";
import { DurableObjectStore } from "../../src/stores/durable_object.ts";
import { DENO_KV_LIMITS, DURABLE_OBJECT_LIMITS, kvKeyBytes } from "../../src/stores/platform_limits.ts";
import { KvOperation, kvValueBytes } from "../../src/testing/hosts/kv_limits.ts";
import { KvContents, SimulatedKv } from "../../src/testing/hosts/simulated_kv.ts";
import { simulatedObjectStorage } from "../../src/cli/simulation/simulated_object.ts";
import { strictKv } from "./_kv_faults.ts";

const { maxKeyBytes, maxValueBytes, maxMutations, maxSetKeyBytes, maxOperationBytes, maxChecks } = DENO_KV_LIMITS;

/** The database itself, and what stands in for it: each must refuse the same. */
const DATABASES: Readonly<Record<string, () => Promise<KvDatabase>>> = {
  "Deno's own": () => Deno.openKv(":memory:"),
  "the tests'": async () => strictKv(await Deno.openKv(":memory:")),
  "the simulator's": () => Promise.resolve(new SimulatedKv(new KvContents())),
};

/** A key of exactly so many bytes, the `i`th of them. */
function keyOf(bytes: number, i = 0): KvKey {
  return [String(i).padStart(bytes - 2, "x")];
}

/** Keys that together have exactly so many bytes. */
function keysOf(bytes: number): readonly KvKey[] {
  const keys = Array.from({ length: Math.floor(bytes / 1_000) - 1 }, (_, i) => keyOf(1_000, i));
  return [...keys, keyOf(bytes - 1_000 * keys.length, 9_999)];
}

type Change = readonly [key: KvKey, value: Uint8Array | null];

const none = new Uint8Array(0);
const sets = (keys: readonly KvKey[]): Change[] => keys.map((key) => [key, none]);
/** Of exactly so many bytes in all: a set's key counts twice. */
const operationOf = (bytes: number): Change[] => {
  const changes: Change[] = Array.from({ length: 13 }, (_, i) => [keyOf(10, i), new Uint8Array(60_000)]);
  return [...changes, [keyOf(10, 13), new Uint8Array(bytes - 13 * 60_020 - 20)]];
};
const LIMITS: Readonly<Record<string, (over: 0 | 1) => { readonly changes?: Change[]; readonly checks?: number }>> = {
  "bytes of a key": (over) => ({ changes: sets([keyOf(maxKeyBytes + over)]) }),
  "bytes of a key that is removed": (over) => ({ changes: [[keyOf(maxKeyBytes + over), null]] }),
  "bytes of a value": (over) => ({ changes: [[["v"], new Uint8Array(maxValueBytes + over)]] }),
  "changes": (over) => ({ changes: sets(Array.from({ length: maxMutations + over }, (_, i) => [i])) }),
  "bytes of keys that are set": (over) => ({ changes: sets(keysOf(maxSetKeyBytes + over)) }),
  "bytes in all": (over) => ({ changes: operationOf(maxOperationBytes + over) }),
  "bytes in all, of keys that are removed": (over) => ({
    changes: keysOf(maxOperationBytes + over).map((key) => [key, null]),
  }),
  "checks": (over) => ({ checks: maxChecks + over }),
};

for (const [whose, open] of Object.entries(DATABASES)) {
  for (const [what, make] of Object.entries(LIMITS)) {
    Deno.test(`Deno KV, ${whose}: ${what}: takes what is exactly at the limit, and no more`, async () => {
      const kv = await open();
      try {
        const commit = async (over: 0 | 1) => {
          const { changes = [], checks = 0 } = make(over);
          const atomic = kv.atomic();
          for (let i = 0; i < checks; i++) atomic.check({ key: ["absent", i], versionstamp: null });
          for (const [key, value] of changes) value === null ? atomic.delete(key) : atomic.set(key, value);
          return await atomic.commit();
        };
        assertEquals((await commit(0)).ok, true);
        await assertRejects(() => commit(1), TypeError, "max");
      } finally {
        kv.close();
      }
    });
  }
}

Deno.test("a key's bytes are those that the database counts, zero bytes and other alphabets included", async () => {
  const kv = await Deno.openKv(":memory:");
  try {
    for (const text of ["x", "é", "€", "😀", "\0", "a\0é"]) {
      const unit = kvKeyBytes([text]) - 2;
      const count = Math.floor((maxKeyBytes - 2) / unit);
      const rest = "x".repeat(maxKeyBytes - 2 - count * unit);
      assertEquals(kvKeyBytes([text.repeat(count) + rest]), maxKeyBytes);
      await kv.set([text.repeat(count) + rest], 1);
      await assertRejects(() => kv.set([text.repeat(count) + rest + "x"], 1), TypeError, "Key too large");
    }
    assertEquals(kvKeyBytes([1, 2 ** 40, "a"]), 9 + 9 + 3);
  } finally {
    kv.close();
  }
});

Deno.test("an estimate of a value's bytes is never below what V8 writes", async () => {
  const { serialize } = await import("node:v8");
  const values = [
    { version: 2 ** 50, by: crypto.randomUUID(), plan: { generation: crypto.randomUUID(), parts: 300 } },
    [[["a", "record", "x€"], new Uint8Array(900)], [["b", 7], null]],
    { expected: -1, committed: true },
    "é".repeat(300),
  ];
  for (const value of values) assertEquals(kvValueBytes(value) >= serialize(value).length, true);
});

Deno.test("a store's commits stay within the limits at every size around each of them", async () => {
  const open = () => {
    const contents = new KvContents();
    return [new DenoKvStore(new SimulatedKv(contents)), () => new DenoKvStore(new SimulatedKv(contents))] as const;
  };
  const name = (i: number): Digest => digest(i.toString(16).padStart(64, "0"));
  const shapes: Record<string, (count: number) => Map<string, Uint8Array>> = {
    "845 session openings": (count) => ofCount(count, (i) => [`input/request/${name(i)}`, 112]),
    "long names": (count) => ofCount(count, (i) => [`${i}`.padEnd(1_900, "n"), 1]),
    "two-byte names": (count) => ofCount(count, (i) => [`${i}`.padEnd(600, "€"), 1]),
    "empty values": (count) => ofCount(count, (i) => [`r${i}`, 0]),
    "values at the limit of a piece": (count) => ofCount(count, (i) => [`r${i}`, 56_000]),
    "values one over it": (count) => ofCount(count, (i) => [`r${i}`, 56_001]),
  };
  for (const [shape, make] of Object.entries(shapes)) {
    for (const count of [1, 10, 13, 30, 34, 36, 37, 38, 39, 41, 42, 43, 700, 845, 980, 989, 990, 991, 1_000, 1_001]) {
      if (shape.startsWith("values") && count > 100) continue;
      const [store, reopen] = open();
      const records = make(count);
      assertEquals(await store.commit({ records, blobs: new Map() }, 0), 1, `${shape}: ${count}`);
      assertEquals((await reopen().load()).records.size, count, `${shape}: ${count}`);
      const removed = new Map(Array.from(records.keys(), (key) => [key, null]));
      assertEquals(await reopen().commit({ records: removed, blobs: new Map() }, 1), 2, `${shape}: ${count} removed`);
      assertEquals((await reopen().load()).records.size, 0, `${shape}: ${count} removed`);
    }
  }
});

Deno.test("a key that is too long for the database is refused as a limit, and nothing is changed", async () => {
  const store = new DenoKvStore(new SimulatedKv(new KvContents()));
  const records = new Map([["a", none], ["k".repeat(2_100), none]]);
  const error = await assertRejects(() => store.commit({ records, blobs: new Map() }, 0), StoreLimitError);
  assertStringIncludes(error.message, "key: expected at most 2048 bytes");
  assertEquals(await store.load(), { version: 0, records: new Map() });
});

Deno.test("a write that the database refuses as too large is a StoreLimitError, whatever the limit is", async () => {
  const kv = await Deno.openKv(":memory:");
  const strict = strictKv(kv, {
    before() {
      new KvOperation().mutate(["k".repeat(3_000)]);
    },
  });
  const store = new DenoKvStore(strict);
  await assertRejects(() => store.commit({ records: new Map([["a", none]]), blobs: new Map() }, 0), StoreLimitError);
  await store.close();
});

Deno.test("Durable Object: rows stay within the limit whatever a value's size, and a key that leaves no room is refused", async () => {
  const storage = simulatedObjectStorage();
  const store = new DurableObjectStore(storage);
  const half = DURABLE_OBJECT_LIMITS.maxRowBytes / 2;
  let version = 0;
  for (const bytes of [0, 1, half - 1, half, half + 1, 2 * half - 1, 2 * half, 2 * half + 1, 5 * half]) {
    const value = new Uint8Array(bytes).fill(7);
    const records = new Map([["a".repeat(160_000), value]]);
    version = await store.commit({ records, blobs: new Map() }, version);
    assertEquals((await new DurableObjectStore(storage).load()).records, records);
  }
  const records = new Map([["b", none], ["k".repeat(200_000), none]]);
  await assertRejects(() => store.commit({ records, blobs: new Map() }, version), StoreLimitError);
  const { version: after, records: kept } = await store.load();
  assertEquals([after, kept.has("b")], [version, false]);
});

Deno.test("the stand-in for a Durable Object refuses too large a row or statement and too many parameters", () => {
  const { sql } = simulatedObjectStorage();
  sql.exec("CREATE TABLE t (k TEXT, v BLOB)");
  const insert = (bytes: number) => sql.exec("INSERT INTO t VALUES (?, ?)", "k", new Uint8Array(bytes - 1));
  insert(DURABLE_OBJECT_LIMITS.maxRowBytes);
  assertThrows(() => insert(DURABLE_OBJECT_LIMITS.maxRowBytes + 1), Error, "TOOBIG");
  const { maxBoundParameters, maxStatementBytes } = DURABLE_OBJECT_LIMITS;
  const select = (count: number) => sql.exec(`SELECT ${"?,".repeat(count - 1)}?`, ...new Array(count).fill(1));
  select(maxBoundParameters);
  assertThrows(() => select(maxBoundParameters + 1), Error, "parameters");
  assertThrows(() => sql.exec(`SELECT 1 ${" ".repeat(maxStatementBytes)}`), Error, "statement");
});

function ofCount(
  count: number,
  make: (i: number) => readonly [name: string, bytes: number],
): Map<string, Uint8Array> {
  return new Map(Array.from({ length: count }, (_, i) => {
    const [name, bytes] = make(i);
    return [name, new Uint8Array(bytes).fill(i & 255)];
  }));
}
