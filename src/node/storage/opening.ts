/**
 * Restores a replica from its store: its identity, its records, and the state of its last checkpoint.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { MessageInput } from "../../core/io.ts";
import type { Batch, Verified } from "../../core/messages/messages.ts";
import { NEW_RECOVERY, type StoredState } from "../../core/records.ts";
import { entriesOf, pagesOf, readPage, readRoot } from "../../core/tree/state_tree.ts";
import { sha256 } from "../../crypto/mod.ts";
import { decodeBatch, unpack } from "../../wire/mod.ts";
import { withDigest } from "../environment.ts";
import { ArchiveBook } from "./archive.ts";
import { BlobReader } from "./blob_reader.ts";
import { type Kept, KeptInputs } from "../durable/kept_inputs.ts";
import { CHAIN, checkEpoch, claimStore, type Identity } from "./identity.ts";
import { plainOf } from "./lost_disk_record.ts";
import { type Loaded, type Store, StoreConflictError, type Version } from "../ports.ts";
import { parse, RecordReader } from "./record_reader.ts";
import { RecordWriter, WriteSet } from "./record_writer.ts";
import type { Start } from "./start.ts";
import { CorruptStoreError, ForeignStoreError } from "./store_errors.ts";

export { CorruptStoreError, ForeignStoreError, type Identity };

/** The content of a replica's store. */
export interface Restored {
  readonly version: Version;
  /** The epoch that the store is in. */
  readonly epoch: number;
  readonly storedState: StoredState;
  readonly writer: RecordWriter;
  /** Persists further inputs, if the host wants that. */
  readonly keptInputs?: KeptInputs;
  /** The inputs that were persisted. */
  readonly kept: readonly MessageInput[];
  /** Why the replica halted; null if it did not. */
  readonly halted: string | null;
}

/** Options of {@linkcode restore}. */
export interface RestoreOptions {
  /** The content of the store, if the caller has just read it and knows that it is this replica's. */
  readonly known?: Loaded | undefined;
  /** Whether the host persists inputs as well. */
  readonly persistInputs?: boolean | undefined;
  /** Whether the state machine loads its part of the state later, on demand. */
  readonly lazyLoading?: boolean;
  /** Whether forgotten batches are collected for an archive. */
  readonly archives?: boolean;
  /** The kind of start. Default: `resume`. */
  readonly start?: Start;
}

/** Maximum number of attempts, if other instances write to the store meanwhile. */
const MAX_ATTEMPTS = 20;

/**
 * Restores a replica from its store. If `start` allows it, an empty store becomes this replica's. Blobs are checked
 * against their digests. Signatures are not checked again: they were verified before anything was written.
 * @throws {StartError} {@linkcode NewerStoreError}, {@linkcode ForeignStoreError}, {@linkcode CorruptStoreError}, or an
 * error of the store.
 */
export async function restore(store: Store, identity: Identity, options: RestoreOptions = {}): Promise<Restored> {
  let { start, known } = options;
  if (start === "recover") await markLostDisk(store, identity);
  for (let attempt = 1;; attempt++) {
    // A host that runs several instances passes the same option to each of them, also to the second one on a store that
    // is no longer empty.
    const loaded = known ??
      await claimStore(store, identity, start === "new" && options.persistInputs ? "recover" : start);
    start = "resume";
    known = undefined;
    try {
      return await restoreLoaded(loaded, store, identity, options);
    } catch (error) {
      // Another instance may have removed blobs that the records named.
      if (attempt === MAX_ATTEMPTS || (await store.load()).version === loaded.version) throw error;
    }
  }
}

async function restoreLoaded(
  loaded: Loaded,
  store: Store,
  identity: Identity,
  { persistInputs = false, lazyLoading = false, archives = false }: RestoreOptions,
): Promise<Restored> {
  checkEpoch(loaded, identity);
  const reader = new RecordReader(loaded.records, identity.genesis);
  const prePrepares = reader.accepted();
  const former = reader.former();
  const prepared = reader.prepared();
  const decided = reader.committed();
  const checkpoint = reader.checkpoint();
  const fetched = reader.fetched();
  const { hash = sha256 } = identity;
  const kept: Kept = persistInputs ? reader.kept(hash) : { inputs: [] };
  const blobs = new BlobReader(store, hash);
  const bodies = await readBodies(
    blobs,
    [
      ...prePrepares.map(({ message }) => message.digest),
      ...former.flatMap(({ bodies }) => bodies.map(({ digest }) => digest)),
      ...decided.map(({ digest }) => digest),
    ],
    identity,
  );
  const accepted = prePrepares.map((prePrepare) => ({ prePrepare, batch: bodies.get(prePrepare.message.digest)! }));
  const committed = decided.map(({ sequence, digest, commits }) => ({ sequence, commits, batch: bodies.get(digest)! }));
  return {
    version: loaded.version,
    epoch: identity.epoch ?? 0,
    halted: (reader.plain("halted") ?? null) as string | null,
    writer: new RecordWriter(
      {
        accepted: new Map(prePrepares.map(({ message }) => [message.sequence, message.digest])),
        prepared: new Map(prepared.map(({ prePrepare: { message } }) => [message.sequence, message.digest])),
        committed: new Map(decided.map(({ sequence, digest }) => [sequence, digest])),
      },
      {
        former: former.map(({ sequence, bodies }) => [sequence, bodies.map(({ digest }) => digest)] as const),
        fetched: fetched.keys,
        archive: archives ? new ArchiveBook({ accepted, committed }) : undefined,
      },
    ),
    ...(persistInputs &&
      { keptInputs: new KeptInputs(identity.genesis, loaded.records.keys(), { timers: kept.timers, prepared }) }),
    kept: kept.inputs,
    storedState: {
      ...(kept.timers && { timers: kept.timers }),
      ...reader.view(),
      ...reader.suspicion(),
      accepted,
      former: former.flatMap(({ sequence, bodies: all }) =>
        all.map(({ view, digest }) => ({ sequence, view, batch: bodies.get(digest)! }))
      ),
      prepared,
      committed,
      retired: reader.retired(),
      fetched: fetched.digests,
      ...(checkpoint && { checkpoint }),
      stable: reader.stable(),
      ...reader.lostDisk(),
      ...reader.clock(),
      ...reader.numbers(),
      evidence: reader.evidence(),
      blobs: checkpoint ? await readTree(blobs, checkpoint.root, lazyLoading) : new Map(),
    },
  };
}

/** Records in the store why its replica halted, whatever version the store is at. */
export async function markHalted(store: Store, reason: string): Promise<void> {
  const { version } = await store.load();
  const writes = new WriteSet();
  writes.put("halted", reason);
  await store.commit(writes, version);
}

/**
 * Finds out why a read failed: a conflict, if another instance has removed the data meanwhile; otherwise the store is
 * damaged, or failed.
 */
export async function classifyReadError(store: Store, expected: Version, error: unknown): Promise<unknown> {
  if (!(error instanceof CorruptStoreError)) return error;
  try {
    const { version } = await store.load();
    return version === expected ? error : new StoreConflictError(expected, version);
  } catch (failure) {
    return failure;
  }
}

async function readBodies(
  blobs: BlobReader,
  digests: readonly Digest[],
  { genesis, hash = sha256 }: Identity,
): Promise<ReadonlyMap<Digest, Verified<Batch>>> {
  const batches = new Map<Digest, Verified<Batch>>();
  for (const [digest, bytes] of await blobs.read(digests)) {
    const { timestamp, requests } = parse(`batch ${digest}`, () => decodeBatch(bytes, genesis.limits));
    const signed = requests.map((request) => withDigest(request, hash));
    const batch: Batch = { digest, bytes, timestamp, requests: signed };
    batches.set(digest, batch as Verified<Batch>);
  }
  return batches;
}

/**
 * Marks the store as incomplete, until the replica has recovered: it lacks messages that the replica sent. If the store
 * is damaged, or its replica had halted, its content can't be trusted: it is removed, and the replica starts with an
 * empty store. Several instances may do so at the same time: one of them is first, and the others find its mark.
 */
export async function markLostDisk(store: Store, identity: Identity): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await tryToMark(store, identity);
    } catch (error) {
      if (!(error instanceof StoreConflictError) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function tryToMark(store: Store, identity: Identity): Promise<void> {
  let loaded = await loadReadable(store, identity);
  const isSound = !loaded.records.has("halted") && await isComplete(loaded, store, identity);
  if (isSound && loaded.records.has("lost-disk")) return;
  const writes = new WriteSet();
  if (!isSound && store.setAside) {
    await store.setAside();
    loaded = await claimStore(store, identity, "recover", true);
  } else if (!isSound) {
    for (const key of loaded.records.keys()) if (!KEPT.includes(key)) writes.records.set(key, null);
  }
  writes.put("lost-disk", plainOf(NEW_RECOVERY));
  await store.commit(writes, loaded.version);
}

/** Keys that identify the owner of the store. */
const KEPT: readonly string[] = ["identity", "format", CHAIN];

/** Loads the store. If it is unreadable, it is set aside, and an empty one is used. */
async function loadReadable(store: Store, identity: Identity): Promise<Loaded> {
  try {
    return await claimStore(store, identity, "recover", true);
  } catch (error) {
    if (!(error instanceof CorruptStoreError) || !store.setAside) throw error;
    await store.setAside();
    return await claimStore(store, identity, "recover", true);
  }
}

/**
 * Whether everything that the records name is there and matches its digest, including the state machine's part of the
 * state.
 */
export async function isComplete(loaded: Loaded, store: Store, identity: Identity): Promise<boolean> {
  try {
    const { storedState } = await restoreLoaded(loaded, store, identity, { persistInputs: true, lazyLoading: true });
    if (storedState.checkpoint) {
      await checkTree(new BlobReader(store, identity.hash ?? sha256), storedState.checkpoint.root);
    }
    return true;
  } catch (error) {
    if (error instanceof CorruptStoreError) return false;
    throw error;
  }
}

/** Checks the state in parts, as it may be larger than the memory. */
async function checkTree(blobs: BlobReader, digest: Digest): Promise<void> {
  const roots = await blobs.read([digest]);
  const root = parse(`blob ${digest}`, () => readRoot(unpack(roots.get(digest)!)));
  for (const [, page] of root.pages) {
    const pages = await blobs.read([page]);
    const entries = parse(`blob ${page}`, () => entriesOf(readPage(unpack(pages.get(page)!))));
    await blobs.read(entries.map(([, chunk]) => chunk));
  }
}

/** Reads the blobs of a state: root page, pages and chunks; with `lazyLoading` only those of the client table. */
async function readTree(
  blobs: BlobReader,
  digest: Digest,
  lazyLoading: boolean,
): Promise<ReadonlyMap<Digest, Uint8Array>> {
  const roots = await blobs.read([digest]);
  const root = parse(`blob ${digest}`, () => readRoot(unpack(roots.get(digest)!)));
  const listed = lazyLoading
    ? [...pagesOf(root, "n"), ...pagesOf(root, "p"), ...pagesOf(root, "s")]
    : root.pages.map(([, page]) => page);
  const pages = await blobs.read(listed);
  const chunks = [...pages].flatMap(([page, bytes]) => {
    const entries = parse(`blob ${page}`, () => entriesOf(readPage(unpack(bytes))));
    return entries.filter(([id]) => !lazyLoading || !id.startsWith("m")).map(([, chunk]) => chunk);
  });
  return new Map([...roots, ...pages, ...await blobs.read(chunks)]);
}
