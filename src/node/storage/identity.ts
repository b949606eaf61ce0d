/**
 * Checks whose store it is, and whether this version can use it, before anything is written.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import { NEW_RECOVERY } from "../../core/records.ts";
import { unpack } from "../../wire/mod.ts";
import { type Loaded, type Store, StoreConflictError } from "../ports.ts";
import { plainOf } from "./lost_disk_record.ts";
import { parse } from "./record_reader.ts";
import { WriteSet } from "./record_writer.ts";
import { emptyStoreError, type Start } from "./start.ts";
import { CorruptStoreError, ForeignStoreError, NewerStoreError, OtherEpochError, StartError } from "./store_errors.ts";

/** The owner of a store. */
export interface Identity {
  readonly genesis: Genesis;
  readonly cluster: Digest;
  /** The epoch that the replica runs in. Default: 0. */
  readonly epoch?: number;
  readonly self: ReplicaId;
  readonly hash?: (bytes: Uint8Array) => Digest;
}

/**
 * Loads the store and checks that it belongs to this replica. If `start` allows it, an empty store becomes this
 * replica's. Nothing is written to a store of another replica, or to one that this version can't read. `isLost`: the same
 * commit marks it as one that lacks messages that the replica sent, so that no start can find it without the mark.
 */
export async function claimStore(
  store: Store,
  identity: Identity,
  start: Start = "resume",
  isLost = false,
): Promise<Loaded> {
  const { cluster, self, genesis } = identity;
  const { name, publicKey } = genesis.replicas[self]!;
  const loaded = await store.load();
  checkFormat(loaded);
  const found = loaded.records.get("identity");
  if (found === undefined) {
    if (loaded.version > 0) {
      throw new CorruptStoreError("identity: expected the owner's record in a store that is not empty, got none");
    }
    if (start === "resume") throw emptyStoreError(name);
    const writes = new WriteSet();
    writes.put("identity", [cluster, self, publicKey]);
    if (isLost) writes.put("lost-disk", plainOf(NEW_RECOVERY));
    noteFormat(writes);
    try {
      await store.commit(writes, 0);
    } catch (error) {
      if (!(error instanceof StoreConflictError)) throw error;
    }
    return await claimStore(store, identity);
  }
  const [ofCluster, ofSelf, ofKey] = ownerIn(found);
  if (ofCluster !== cluster) throw foreign("cluster", cluster, ofCluster);
  // In another epoch the same member may have another number. Its other instance has gone on to that epoch.
  if (ofSelf !== self && ofKey === publicKey) checkEpoch(loaded, identity);
  if (ofSelf !== self) throw foreign("replica", self, ofSelf);
  if (ofKey !== publicKey) throw foreign("public key", publicKey, ofKey);
  if (start !== "new") return loaded;
  throw new StartError(
    `start: expected an empty store for ${name} as "new", got one with its records at version ${loaded.version}: ` +
      'start it as "resume", which is the default, or give it another store',
  );
}

function ownerIn(record: Uint8Array): readonly [cluster: Digest, self: ReplicaId, publicKey: string] {
  return parse("identity", () => unpack(record) as [Digest, ReplicaId, string]);
}

/**
 * Checks that a store that is not empty belongs to this key. A member that gets another key starts on an empty store:
 * what the old one says is bound to the old key, whose replica goes on with it until it has been removed.
 * @throws {ForeignStoreError} if it belongs to another key.
 */
export function checkOwner({ records }: Loaded, publicKey: string): void {
  const found = records.get("identity");
  if (found === undefined) return;
  const [, , ofKey] = ownerIn(found);
  if (ofKey === publicKey) return;
  const { message } = foreign("public key", publicKey, ofKey);
  throw new ForeignStoreError(
    `${message}. Each key has a store of its own: a member's new key is started on an empty one, as "new" (--state, --start new)`,
  );
}

/**
 * The format of the records, see `records.ts`. It increases when a new version writes something that the version before
 * would misread. The older version then refuses the store; the newer one still reads older formats. A store without
 * this record has format 1.
 */
export const FORMAT = 2;
/** The format of a store without a chain of epochs. A version that knows of no epochs may run on it. */
const FIRST_FORMAT = 1;

/** Adds the format to a change, which makes the change worth a commit. */
export function noteFormat(writes: WriteSet, epoch = 0): void {
  writes.put("format", epoch === 0 ? FIRST_FORMAT : FORMAT);
  writes.count++;
  writes.isBinding = true;
}

/** The key of the digests of the links that led the store's replica to its epoch. */
export const CHAIN = "chain";

/** The links that the store's replica has followed. Their number is that of its epoch. */
export function chainIn({ records }: Pick<Loaded, "records">): readonly Digest[] {
  const bytes = records.get(CHAIN);
  return bytes ? parse(CHAIN, () => unpack(bytes) as Digest[]) : [];
}

/** @throws {OtherEpochError} if the records are of another epoch than the replica that is to run on them. */
export function checkEpoch(loaded: Loaded, { epoch = 0 }: Identity): void {
  const found = chainIn(loaded).length;
  if (found !== epoch) throw new OtherEpochError(epoch, found);
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
