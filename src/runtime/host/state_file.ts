/**
 * The SQLite file of a replica, opened as the start says.
 * @module
 */
import { statSync } from "node:fs";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Store } from "../../node/ports.ts";
import { emptyStoreError, startOf, type StartOptions } from "../../node/storage/start.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import type { ClusterFile } from "../../wire/mod.ts";

/** What tells how a file is to be opened. */
export interface StateFileOptions extends StartOptions {
  readonly cluster: ClusterFile;
  readonly self: ReplicaId;
  /** A store as it is, or the path of a file. */
  readonly store: Store | string;
}

/**
 * The store, or the one in the file at that path. A file that is to be resumed and is not there is not made.
 * @throws {StartError} if the file is to be resumed, and is not there, or empty; `StoreOpenError` if it can't be opened.
 */
export async function openState({ store, cluster: { genesis }, self, ...options }: StateFileOptions): Promise<Store> {
  if (typeof store !== "string") return store;
  const { name, publicKey } = genesis.replicas[self]!;
  const start = startOf(options, publicKey);
  if (start === "resume" && sizeOf(store) === 0) throw emptyStoreError(name, `${store} is not there, or empty`);
  return await SqliteStore.open(store, { setsAside: start === "recover" });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
