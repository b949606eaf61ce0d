/**
 * Reading a store back: whose it is, what its replica said and knew, and the state of its last checkpoint.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest, ReplicaId } from "../core/ids.ts";
import type { MessageInput, Plain } from "../core/io.ts";
import type { Batch, Verified } from "../core/messages.ts";
import type { Recovered } from "../core/records.ts";
import { chunkDigests, pageDigests } from "../core/state_tree.ts";
import { sha256 } from "../crypto/mod.ts";
import { decodeBatch, unpack } from "../wire/mod.ts";
import { withDigest } from "./environment.ts";
import { type Kept, KeptInputs } from "./kept_inputs.ts";
import { type Loaded, type Store, StoreConflictError, type Version } from "./ports.ts";
import { NEW_DISK } from "../core/lost_disk.ts";
import { plainOf } from "./lost_disk_record.ts";
import { CorruptStoreError, parse, RecordReader } from "./record_reader.ts";
import { RecordBook, WriteSet } from "./records.ts";

export { CorruptStoreError };

/** The store belongs to another replica or another cluster. */
export class ForeignStoreError extends Error {
  override name = "ForeignStoreError";
}

/** Whose store it is. */
export interface Identity {
  readonly genesis: Genesis;
  readonly cluster: Digest;
  readonly self: ReplicaId;
  readonly hash?: (bytes: Uint8Array) => Digest;
}

/** A replica as its store knows it. */
export interface Restored {
  readonly version: Version;
  readonly recovered: Recovered;
  readonly book: RecordBook;
  /** Keeps more of what the replica takes, if the host wants that. */
  readonly keptInputs?: KeptInputs;
  /** What was kept so far. */
  readonly kept: readonly MessageInput[];
  /** Why the replica stopped for good, if it did. */
  readonly halted: string | null;
}

/** Blobs read from the store at once. */
const READ_AT_ONCE = 64;
/** How often a store that others write to meanwhile is read anew. */
const MAX_ATTEMPTS = 20;

/**
 * Reads the store; an empty one becomes this replica's. Blobs are checked against their digests. Signatures are not
 * checked again: they were before anything was written.
 * @throws {ForeignStoreError} {@linkcode CorruptStoreError}, or what the store throws.
 */
export async function restore(store: Store, identity: Identity, keepsInputs = false): Promise<Restored> {
  for (let attempt = 1;; attempt++) {
    const loaded = await identified(store, identity);
    try {
      return await restoreLoaded(loaded, store, identity, keepsInputs);
    } catch (error) {
      // Another instance may have removed since what the records named.
      if (attempt === MAX_ATTEMPTS || (await store.load()).version === loaded.version) throw error;
    }
  }
}

async function restoreLoaded(
  loaded: Loaded,
  store: Store,
  identity: Identity,
  keepsInputs: boolean,
): Promise<Restored> {
  const reader = new RecordReader(loaded.records, identity.genesis);
  const accepted = reader.accepted();
  const prepared = reader.prepared();
  const committed = reader.committed();
  const checkpoint = reader.checkpoint();
  const { hash = sha256 } = identity;
  const kept: Kept = keepsInputs ? reader.kept(hash) : { inputs: [] };
  const blobs = new BlobReader(store, hash);
  const bodies = await blobs.bodies(
    [...accepted.map(({ message }) => message.digest), ...committed.map(({ digest }) => digest)],
    identity.genesis,
  );
  return {
    version: loaded.version,
    halted: (reader.plain("halted") ?? null) as string | null,
    book: new RecordBook({
      accepted: new Map(accepted.map(({ message }) => [message.sequence, message.digest])),
      prepared: new Map(prepared.map(({ prePrepare: { message } }) => [message.sequence, message.digest])),
      committed: new Map(committed.map(({ sequence, digest }) => [sequence, digest])),
    }),
    ...(keepsInputs && { keptInputs: new KeptInputs(identity.genesis, loaded.records.keys()) }),
    kept: kept.inputs,
    recovered: {
      ...(kept.timers && { timers: kept.timers }),
      ...reader.view(),
      accepted: accepted.map((prePrepare) => ({ prePrepare, batch: bodies.get(prePrepare.message.digest)! })),
      prepared,
      committed: committed.map(({ sequence, digest, commits }) => ({ sequence, commits, batch: bodies.get(digest)! })),
      retired: reader.retired(),
      ...(checkpoint && { checkpoint }),
      stable: reader.stable(),
      ...reader.lostDisk(),
      evidence: reader.evidence(),
      blobs: checkpoint ? await blobs.tree(checkpoint.root) : new Map(),
    },
  };
}

/**
 * Notes in a replica's store, until it has recovered, that it does not have all that the replica said. What a replica that has halted
 * left there is not to be trusted: its records go, and it starts over.
 */
export async function markLostDisk(store: Store, identity: Identity): Promise<void> {
  const { version, records } = await identified(store, identity);
  const hasHalted = records.has("halted");
  if (records.has("lost-disk") && !hasHalted) return;
  const writes = new WriteSet();
  if (hasHalted) { for (const key of records.keys()) if (key !== "identity") writes.records.set(key, null); }
  writes.put("lost-disk", plainOf(NEW_DISK));
  await store.commit(writes, version);
}

async function identified(store: Store, identity: Identity): Promise<Loaded> {
  const { cluster, self, genesis } = identity;
  const publicKey = genesis.replicas[self]!.publicKey;
  const loaded = await store.load();
  const found = loaded.records.get("identity");
  if (found === undefined) {
    if (loaded.version > 0) throw new CorruptStoreError("identity: the store is not empty, but nobody's");
    const writes = new WriteSet();
    writes.put("identity", [cluster, self, publicKey]);
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
  return loaded;
}

function foreign(field: string, expected: unknown, got: unknown): ForeignStoreError {
  return new ForeignStoreError(`the store belongs to another replica: ${field}: expected ${expected}, got ${got}`);
}

/** Reads blobs, each checked against its digest. */
class BlobReader {
  readonly #store: Pick<Store, "read">;
  readonly #hash: (bytes: Uint8Array) => Digest;

  constructor(store: Pick<Store, "read">, hash: (bytes: Uint8Array) => Digest) {
    this.#store = store;
    this.#hash = hash;
  }

  async bodies(digests: readonly Digest[], { limits }: Genesis): Promise<ReadonlyMap<Digest, Verified<Batch>>> {
    const batches = new Map<Digest, Verified<Batch>>();
    for (const [digest, bytes] of await this.#read(digests)) {
      const { timestamp, requests } = parse(`batch ${digest}`, () => decodeBatch(bytes, limits));
      const signed = requests.map((request) => withDigest(request, this.#hash));
      const batch: Batch = { digest, bytes, timestamp, requests: signed };
      batches.set(digest, batch as Verified<Batch>);
    }
    return batches;
  }

  /** The blobs of a state: its root page, its pages, its chunks. */
  async tree(root: Digest): Promise<ReadonlyMap<Digest, Uint8Array>> {
    const roots = await this.#read([root]);
    const pages = await this.#read(listed(roots, pageDigests));
    const chunks = await this.#read(listed(pages, chunkDigests));
    return new Map([...roots, ...pages, ...chunks]);
  }

  async #read(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, Uint8Array>> {
    const wanted = [...new Set(digests)];
    const found = new Map<Digest, Uint8Array>();
    for (let at = 0; at < wanted.length; at += READ_AT_ONCE) {
      const asked = wanted.slice(at, at + READ_AT_ONCE);
      const blobs = await this.#store.read(asked);
      asked.forEach((digest, i) => found.set(digest, this.#checked(digest, blobs[i] ?? null)));
    }
    return found;
  }

  #checked(digest: Digest, bytes: Uint8Array | null): Uint8Array {
    if (bytes === null) throw new CorruptStoreError(`blob ${digest}: missing`);
    const got = this.#hash(bytes);
    if (got === digest) return bytes;
    throw new CorruptStoreError(`blob ${digest}: its bytes have the digest ${got}`);
  }
}

function listed(blobs: ReadonlyMap<Digest, Uint8Array>, list: (plain: Plain) => readonly Digest[]): readonly Digest[] {
  return [...blobs].flatMap(([digest, bytes]) => parse(`blob ${digest}`, () => list(unpack(bytes))));
}
