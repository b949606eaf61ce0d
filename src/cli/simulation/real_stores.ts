/**
 * Runs the simulator on the real stores of this package.
 * @module
 */
import type { Store } from "../../node/ports.ts";
import { DenoKvStore } from "../../stores/deno_kv.ts";
import { DurableObjectStore } from "../../stores/durable_object.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import type { Stores } from "../../testing/mod.ts";
import { KvContents, SimulatedKv } from "../../testing/hosts/simulated_kv.ts";
import { simulatedObjectStorage } from "./simulated_object.ts";

/** The kind of store that holds the simulated disks. */
export type StoreKind = typeof STORE_KINDS[number];

/** All kinds. `simulated`: the simulator's own disks, without a store. */
export const STORE_KINDS = ["simulated", "memory", "sqlite", "deno-kv", "durable-object"] as const;

/** The kind for a seed. Of a hundred seeds, one uses each real store, because these take longer. */
export function storeKindOf(seed: number): StoreKind {
  return STORE_KINDS[seed % 100] ?? "simulated";
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
  readonly #folder = Deno.makeTempDir({ prefix: "pbft_disks_" });
  readonly #opened: Store[] = [];

  async open(disk: string): Promise<Store> {
    const store = await SqliteStore.open(`${await this.#folder}/${encodeURIComponent(disk)}.db`);
    this.#opened.push(store);
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#opened) await store.close();
    await Deno.remove(await this.#folder, { recursive: true });
  }
}
