/**
 * Opens the store of a replica according to its start option, and fills it with the state with which the cluster begins.
 * @module
 */
import { statSync } from "node:fs";
import { importKeyPair } from "../../crypto/mod.ts";
import { placeIn } from "../../node/epochs/place.ts";
import type { Store } from "../../node/ports.ts";
import { emptyStoreError, startOf, type StartOptions } from "../../node/storage/start.ts";
import { restoreOrigin } from "../../snapshot/restore.ts";
import type { SnapshotStorage } from "../../snapshot/storage/storage.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import type { ClusterFile } from "../../wire/mod.ts";

/** Options of {@linkcode openState}. */
export interface StateFileOptions extends StartOptions {
  /** The owner's name, for errors, and its key. */
  readonly owner: { readonly name: string; readonly publicKey: string };
  /** A store, or the path of a SQLite file. */
  readonly store: Store | string;
}

/**
 * Returns the store, or opens the SQLite file. With `resume`, a missing file is not created.
 * @throws {StartError} for `resume`, if the file is missing or empty; `StoreOpenError` if it cannot be opened.
 */
export async function openState({ store, owner: { name, publicKey }, ...options }: StateFileOptions): Promise<Store> {
  if (typeof store !== "string") return store;
  const start = startOf(options, publicKey);
  if (start === "resume" && sizeOf(store) === 0) throw emptyStoreError(name, `${store} is not there, or empty`);
  return await SqliteStore.open(store, { setsAside: start === "recover" });
}

/** What a store is filled from at the first start of a cluster that begins with a state. */
export interface OriginOptions extends StartOptions {
  readonly cluster: ClusterFile;
  readonly privateKey: string;
  /** Where the snapshot is of which the genesis was made. */
  readonly origin?: SnapshotStorage | undefined;
}

/**
 * Fills a store with the state with which the cluster begins, if it has none yet. Returns how the replica is started then.
 * @throws {TypeError} if the cluster begins with an empty state; {@linkcode SnapshotError} if the snapshot is another one.
 */
export async function fillFromOrigin(
  store: Store,
  { cluster: { genesis }, privateKey, origin, ...options }: OriginOptions,
): Promise<StartOptions> {
  const asked: StartOptions = { start: options.start, hasLostDisk: options.hasLostDisk };
  if (!origin) return asked;
  if (!genesis.origin) {
    throw new TypeError("origin: expected a cluster that begins with a snapshot, got one that does not");
  }
  const { publicKey } = importKeyPair(privateKey);
  const place = placeIn({ genesis }, publicKey);
  const { version, records } = await store.load();
  const start = version === 0 ? startOf(asked, publicKey) : "new";
  // `resume` with an empty store is refused later: only the operator knows what it means. A store with a state needs no
  // snapshot.
  if (!place || records.has("checkpoint") || start === "resume") return asked;
  await restoreOrigin(origin, store, place.self, { genesis, start });
  return { start: "resume" };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
