import { assert, assertEquals, assertMatch } from "@std/assert";
import { STORE_KINDS, storeKindOf, storesOf } from "../../src/cli/simulation/real_stores.ts";
import type { Digest } from "../../src/core/messages/ids.ts";
import type { Store, Version, Writes } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { Engine } from "../../src/testing/world/engine.ts";
import { drawPlan, Random, run, runOptionsOf, type Stores } from "../../src/testing/mod.ts";
import { Disk, SimulatedStore } from "../../src/testing/hosts/disk.ts";
import { exerciseStores } from "../../src/testing/hosts/store_exercise.ts";

/** Short, and disks are lost in it. */
const PLAN = drawPlan(39, { replicas: 4 });

for (const kind of STORE_KINDS) {
  Deno.test(`on disks of kind ${kind} the same seed gives the same run, byte for byte`, async () => {
    const createStores = storesOf(kind);
    const options = runOptionsOf({ trace: true, ...(createStores && { createStores }) });
    const [first, second] = [await run(PLAN, options), await run(PLAN, options)];
    assertEquals(first.violation, null);
    assert(first.trace.length > 100);
    assert(first.trace.join("\n") === second.trace.join("\n"));
  });
}

Deno.test("of a hundred consecutive seeds four run on real stores, one on each kind", () => {
  const kinds = Array.from({ length: 100 }, (_, i) => storeKindOf(9_000 + i)).filter((kind) => kind !== "simulated");
  assertEquals(kinds, ["memory", "sqlite", "deno-kv", "durable-object"]);
});

for (
  const [what, flaw, expected] of [
    ["takes commits at any version", { commit: unconditional }, /^\w+: commit at version \d+: expected a conflict, /],
    ["forgets a record", { load: forgetful }, /: load: record \S+: expected \d+ bytes, got nothing/],
    ["gives another blob's bytes", { read: swapped }, /: read: blob 0 of \d+: expected \d+ bytes, got others/],
    ["refuses what it should take", { commit: refusing }, /: commit at version \d+: expected that it is done, got /],
  ] as const
) {
  Deno.test(`a store that ${what} is caught`, async () => {
    const plan = drawPlan(3, { profile: "edge", replicas: 4 });
    const { violation } = await run(plan, runOptionsOf({ createStores: () => new FlawedStores(flaw) }));
    assertEquals(violation?.invariant, "store");
    assertMatch(violation!.detail, expected);
  });
}

Deno.test("the store exercise finds a fault that no replica meets: a store that truncates values larger than a row", async () => {
  const found: string[] = [];
  for (let seed = 1; seed <= 4; seed++) {
    await exerciseStores(new FlawedStores({}), seed, (_, detail) => found.push(detail));
    assertEquals(found, []);
  }
  for (let seed = 1; seed <= 4; seed++) {
    await exerciseStores(new FlawedStores({ commit: cutting }), seed, (_, detail) => found.push(detail));
  }
  assertMatch(found[0] ?? "nothing", /^exercise: .*expected 1100000 bytes, got 1000000 bytes/);
});

Deno.test("the store exercise writes one content under a digest, so that a store may keep blobs in memory", async () => {
  // Stores on Deno KV keep blobs. Each of these seeds reads one that another instance has just written or removed.
  for (const seed of [4, 74, 86, 97, 107, 61_000_303]) {
    const found: string[] = [];
    await exerciseStores(storesOf("deno-kv")!(), seed, (_, detail) => found.push(detail));
    assertEquals(found, [], `seed ${seed}`);
  }
  const contents = new Map<Digest, string>();
  const note = (store: Store, writes: Writes, expected: Version) => {
    for (const [digest, blob] of writes.blobs) {
      if (blob === null) continue;
      const content = `${blob.length} bytes from ${blob.byteOffset}`;
      assertEquals(contents.get(digest) ?? content, content);
      contents.set(digest, content);
    }
    return store.commit(writes, expected);
  };
  for (let seed = 1; seed <= 4; seed++) {
    await exerciseStores(new FlawedStores({ commit: note }), seed, (_, detail) => {
      throw new Error(detail);
    });
  }
  assert(contents.size > 6);
});

Deno.test("a store may give a blob that another instance removed, only until it learns of that commit, and only its bytes", async () => {
  const digest = "a".repeat(64) as Digest;
  let kept = Uint8Array.of(1, 2);
  const engine = new Engine();
  const flaws: string[] = [];
  const disk = new Disk({
    name: "Apple",
    habits: { commitMs: 1, readMs: 1, mostMs: 1, failures: 0 },
    stores: new FlawedStores({ read: () => Promise.resolve([kept]) }),
  });
  const report = (_: unknown, flaw: string) => void flaws.push(flaw);
  const [one, other] = [1, 2].map((seed) => new SimulatedStore({ disk, engine, random: new Random(seed), report }));
  const writes = (blob: Uint8Array | null): Writes => ({ records: new Map(), blobs: new Map([[digest, blob]]) });
  const after = async (call: Promise<unknown>) => {
    await engine.run(engine.now + 10, () => false);
    await call;
    return flaws.splice(0);
  };
  assertEquals(await after(one!.load()), []);
  assertEquals(await after(one!.commit(writes(kept), 0)), []);
  assertEquals(await after(other!.load()), []);
  assertEquals(await after(other!.commit(writes(null), 1)), []);
  assertEquals(await after(one!.read([digest])), []);
  assertEquals(await after(other!.read([digest])), ["Apple: read: blob 0 of 1: expected nothing, got 2 bytes"]);
  kept = Uint8Array.of(1, 3);
  assertEquals(await after(one!.read([digest])), ["Apple: read: blob 0 of 1: expected 2 bytes, got others"]);
  kept = Uint8Array.of(1, 2);
  assertEquals(await after(one!.load()), []);
  assertEquals(await after(one!.read([digest])), ["Apple: read: blob 0 of 1: expected nothing, got 2 bytes"]);
});

Deno.test("a version that is asked for just before a crash is read before the store is closed", async () => {
  const engine = new Engine();
  const flaws: string[] = [];
  let isClosed = false;
  const real: Store = {
    load: () =>
      isClosed ? Promise.reject(new TypeError("closed")) : Promise.resolve({ version: 0, records: new Map() }),
    read: () => Promise.reject(new Error("not asked")),
    commit: () => Promise.reject(new Error("not asked")),
    close: () => Promise.resolve(void (isClosed = true)),
    /** The host stops the process as soon as the call has begun. */
    get version(): undefined {
      store.crash();
      return undefined;
    },
  };
  const stores = { open: () => Promise.resolve(real), close: () => Promise.resolve() };
  const habits = { commitMs: 1, readMs: 1, mostMs: 1, failures: 0 };
  const report = (_: unknown, flaw: string) => void flaws.push(flaw);
  const disk = new Disk({ name: "Apple", habits, stores });
  const store: SimulatedStore = new SimulatedStore({ disk, engine, random: new Random(1), report });
  void store.version();
  await engine.run(100, () => false);
  assertEquals([isClosed, flaws], [true, []]);
});

Deno.test("virtual time stands still while a real store is at work", async () => {
  const engine = new Engine();
  const told: string[] = [];
  engine.after(1, () => {
    engine.hold(crypto.subtle.digest("SHA-256", new Uint8Array(1_000_000)), (outcome) => {
      told.push(`${outcome.status} at ${engine.now}`);
      engine.after(0, () => told.push("what follows from it"));
    });
  });
  engine.after(1, () => told.push("the next event"));
  await engine.run(10, () => false);
  assertEquals(told, ["fulfilled at 1", "the next event", "what follows from it"]);
});

/** How a store differs from a good one. */
interface Flaw {
  readonly load?: (store: Store) => ReturnType<Store["load"]>;
  readonly read?: (store: Store, digests: readonly Digest[]) => ReturnType<Store["read"]>;
  readonly commit?: (store: Store, writes: Writes, expected: Version) => Promise<Version>;
}

class FlawedStores implements Stores {
  readonly #disks = new Map<string, MemoryStore>();
  readonly #flaw: Flaw;

  constructor(flaw: Flaw) {
    this.#flaw = flaw;
  }

  open(disk: string): Promise<Store> {
    const first = this.#disks.get(disk) ?? new MemoryStore();
    this.#disks.set(disk, first);
    const store = first.reopen();
    const { load, read, commit } = this.#flaw;
    return Promise.resolve({
      load: () => load ? load(store) : store.load(),
      read: (digests) => read ? read(store, digests) : store.read(digests),
      commit: (writes, expected) => commit ? commit(store, writes, expected) : store.commit(writes, expected),
      close: () => store.close(),
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function unconditional(store: Store, writes: Writes): Promise<Version> {
  return await store.commit(writes, (await store.load()).version);
}

async function forgetful(store: Store): ReturnType<Store["load"]> {
  const { version, records } = await store.load();
  return { version, records: new Map([...records].slice(1)) };
}

async function swapped(store: Store, digests: readonly Digest[]): ReturnType<Store["read"]> {
  const blobs = await store.read(digests);
  return blobs.map((blob) => blob && blob.map((byte) => byte ^ 1));
}

function refusing(store: Store, writes: Writes, expected: Version): Promise<Version> {
  return expected === 40 ? Promise.reject(new RangeError("no more room")) : store.commit(writes, expected);
}

function cutting(store: Store, { records, blobs }: Writes, expected: Version): Promise<Version> {
  const cut = <K>(map: ReadonlyMap<K, Uint8Array | null>) =>
    new Map([...map].map(([key, value]) => [key, value && value.subarray(0, 1_000_000)]));
  return store.commit({ records: cut(records), blobs: cut(blobs) }, expected);
}
