/**
 * Opens the store of a replica according to its start option.
 * @module
 */
import { statSync } from "node:fs";
import type { Store } from "../../node/ports.ts";
import { emptyStoreError, startOf, type StartOptions } from "../../node/storage/start.ts";
import { SqliteStore } from "../../stores/sqlite.ts";

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

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
