/**
 * Runs the simulator on the real stores of this package.
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../node/ports.ts";
import { DenoKvStore } from "../../stores/deno_kv.ts";
import { DurableObjectStore } from "../../stores/durable_object.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import type { Stores } from "../../testing/mod.ts";
import { KvContents, SimulatedKv } from "../../testing/hosts/simulated_kv.ts";
import { hasSqlite } from "../runtime.ts";
import { simulatedObjectStorage } from "./simulated_object.ts";

/** The kind of store that holds the simulated disks. */
export type StoreKind = typeof STORE_KINDS[number];

/** All kinds. `simulated`: the simulator's own disks, without a store. */
export const STORE_KINDS = ["simulated", "memory", "sqlite", "deno-kv", "durable-object"] as const;

/** Not under Node 20. */
const NEED_SQLITE: ReadonlySet<string> = new Set(["sqlite", "durable-object"]);

/** The kind for a seed. Of a hundred seeds, one uses each real store, because these take longer. */
export function storeKindOf(seed: number): StoreKind {
  const kind = STORE_KINDS[seed % 100] ?? "simulated";
  return NEED_SQLITE.has(kind) && !hasSqlite() ? "simulated" : kind;
}

/** Makes the stores of one run; `undefined` if the kind needs none. */
export function storesOf(kind: StoreKind): (() => Stores) | undefined {
  switch (kind) {
    case "simulated":
      return undefined;
    case "memory":
      return () => new ReopenedStores(() => new MemoryStore(), (store) => store.reopen());
    case "deno-kv":
      return () =>
        new ReopenedStores(
          () => new KvContents(),
          (contents) => new DenoKvStore(new SimulatedKv(contents)),
        );
    case "durable-object":
      return () => new ReopenedStores(simulatedObjectStorage, (storage) => new DurableObjectStore(storage));
    case "sqlite":
      return () => new SqliteFiles();
  }
}

/** Stores whose contents are objects in memory. */
class ReopenedStores<C> implements Stores {
  readonly #contents = new Map<string, C>();
  readonly #create: () => C;
  readonly #open: (contents: C) => Store;

  constructor(create: () => C, open: (contents: C) => Store) {
    this.#create = create;
    this.#open = open;
  }

  open(disk: string): Promise<Store> {
    const contents = this.#contents.get(disk) ?? this.#create();
    this.#contents.set(disk, contents);
    return Promise.resolve(this.#open(contents));
  }

  close(): Promise<void> {
    this.#contents.clear();
    return Promise.resolve();
  }
}

/** Stores in temporary files, which are deleted afterwards. */
class SqliteFiles implements Stores {
  readonly #folder = mkdtemp(join(tmpdir(), "pbft_disks_"));
  readonly #opened: Store[] = [];

  async open(disk: string): Promise<Store> {
    const store = await SqliteStore.open(`${await this.#folder}/${encodeURIComponent(disk)}.db`);
    this.#opened.push(store);
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#opened) await store.close();
    await rm(await this.#folder, { recursive: true, force: true });
  }
}
