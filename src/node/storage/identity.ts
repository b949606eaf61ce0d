/**
 * Whose store it is, and whether it may be used at all: looked at before anything is written.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import { unpack } from "../../wire/mod.ts";
import { type Loaded, type Store, StoreConflictError } from "../ports.ts";
import { parse } from "./record_reader.ts";
import { WriteSet } from "./record_book.ts";
import { emptyStoreError, type Start } from "./start.ts";
import { CorruptStoreError, ForeignStoreError, NewerStoreError, StartError } from "./store_errors.ts";

/** Whose store it is. */
export interface Identity {
  readonly genesis: Genesis;
  readonly cluster: Digest;
  readonly self: ReplicaId;
  readonly hash?: (bytes: Uint8Array) => Digest;
}

/** What the store has, if it is this replica's. Nothing is written to one that is not, or that this code can't read. */
export async function identified(store: Store, identity: Identity, start: Start = "resume"): Promise<Loaded> {
  const { cluster, self, genesis } = identity;
  const { name, publicKey } = genesis.replicas[self]!;
  const loaded = await store.load();
  checkFormat(loaded);
  const found = loaded.records.get("identity");
  if (found === undefined) {
    if (loaded.version > 0) throw new CorruptStoreError("identity: the store is not empty, but nobody's");
    if (start === "resume") throw emptyStoreError(name);
    const writes = new WriteSet();
    writes.put("identity", [cluster, self, publicKey]);
    noteFormat(writes);
    try {
      await store.commit(writes, 0);
    } catch (error) {
      if (!(error instanceof StoreConflictError)) throw error;
    }
    return await identified(store, identity);
  }
  const [ofCluster, ofSelf, ofKey] = parse("identity", () => unpack(found) as [Digest, ReplicaId, string]);
  if (ofCluster !== cluster) throw foreign("cluster", cluster, ofCluster);
  if (ofSelf !== self) throw foreign("replica", self, ofSelf);
  if (ofKey !== publicKey) throw foreign("public key", publicKey, ofKey);
  if (start !== "new") return loaded;
  throw new StartError(
    `start: expected an empty store for ${name} as "new", got one with what it did at version ${loaded.version}: ` +
      'start it as "resume", which is the default, or give it another store',
  );
}

/**
 * What the records mean, see `records.ts`. It grows when a version of this package writes what the one before would misread; that one
 * then refuses the store, and this one must still read what was written before. Stores without the record are of format 1.
 */
export const FORMAT = 1;

/** Writes it into a change, which makes that one worth a commit. */
export function noteFormat(writes: WriteSet): void {
  writes.put("format", FORMAT);
  writes.count++;
  writes.isBinding = true;
}

function checkFormat({ records }: Loaded): void {
  const bytes = records.get("format");
  const format = bytes === undefined ? 1 : parse("format", () => unpack(bytes));
  if (typeof format !== "number") throw new CorruptStoreError("format: expected a number");
  if (format <= FORMAT) return;
  throw new NewerStoreError(
    `the store was written by a newer version of @pbft/edge: expected format ${FORMAT} at most, got ${format}. ` +
      "Nothing was changed; run that version on it",
  );
}

function foreign(field: string, expected: unknown, got: unknown): ForeignStoreError {
  return new ForeignStoreError(`the store belongs to another replica: ${field}: expected ${expected}, got ${got}`);
}
