/**
 * The chain of epochs in a replica's store, and the one commit by which a replica enters an epoch.
 *
 * | key | value |
 * | --- | --- |
 * | `chain` | the digests of the links that this replica has followed, from epoch 0 on; each link is a blob |
 *
 * That commit adds the links, and removes everything that was signed in an earlier epoch, but for
 * [evidence](../closed/evidence.ts). So a crash leaves a replica
 * either in the old epoch, whose end it finds again, or in the new one. The state stays: the new epoch starts from it.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { NEW_RECOVERY } from "../../core/records.ts";
import type { Checkpoint, Signed } from "../../core/messages/messages.ts";
import { wrap } from "../../core/wrap.ts";
import { type ChainCrypto, encodeLink, type Epoch, followChain, LinkError, makeLink } from "../../wire/epochs/mod.ts";
import { keepEvidence } from "../closed/evidence.ts";
import { type Loaded, type Store, StoreConflictError } from "../ports.ts";
import { BlobReader } from "../storage/blob_reader.ts";
import { entriesOf, readPage, readRoot } from "../../core/tree/state_tree.ts";
import { unpack } from "../../wire/mod.ts";
import { CHAIN, chainIn, checkOwner, FORMAT } from "../storage/identity.ts";
import { plainOf } from "../storage/lost_disk_record.ts";
import { RecordReader } from "../storage/record_reader.ts";
import { FETCHED, WriteSet } from "../storage/record_writer.ts";
import type { Start } from "../storage/start.ts";
import { ForeignStoreError, OtherEpochError } from "../storage/store_errors.ts";

/** Keys that an epoch leaves to the next one. */
const KEPT: readonly string[] = ["identity", "format", CHAIN, "halted", "checkpoint", "clock", "numbers"];
/** Prefixes of such keys. */
const KEPT_PREFIXES: readonly string[] = ["retired/", "fetched/", "closed/"];
const MAX_ATTEMPTS = 20;

/**
 * The links in a store, from epoch 0 on.
 * @throws {CorruptStoreError} if one is missing or damaged; {@linkcode ForeignStoreError} if the store belongs to another key.
 */
export async function storedLinks(
  store: Store,
  hash: (bytes: Uint8Array) => Digest,
  publicKey: string,
): Promise<readonly Uint8Array[]> {
  const loaded = await store.load();
  checkOwner(loaded, publicKey);
  const digests = chainIn(loaded);
  const found = await new BlobReader(store, hash).read(digests);
  return digests.map((digest) => found.get(digest)!);
}

/**
 * The epochs to which the links of a store lead, from epoch 0 on.
 * @throws {ForeignStoreError} if they do not follow from that epoch: the store is of another cluster.
 */
export async function storedEpochs(
  first: Epoch,
  links: readonly Uint8Array[],
  cryptography: ChainCrypto,
): Promise<readonly Epoch[]> {
  try {
    return await followChain(first, links, cryptography);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    throw new ForeignStoreError(
      `the store belongs to another cluster: its chain of ${links.length} does not follow from the genesis of this one ` +
        `(${first.cluster}): give the store's own cluster file, or another store (${error.message})`,
    );
  }
}

/** Opens, and does so again as long as another instance of this replica leads the store to a later epoch meanwhile. */
export async function whileStoreMoves(open: () => Promise<void>): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof OtherEpochError) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** The encoded link that this certificate and the state in a store make. @throws {LinkError} if they make none. */
export async function linkIn(
  store: Store,
  certificate: readonly Signed<Checkpoint>[],
  hash: (bytes: Uint8Array) => Digest,
): Promise<Uint8Array> {
  const reader = new BlobReader(store, hash);
  return encodeLink(await makeLink(certificate, async (digest) => (await reader.read([digest])).get(digest)!));
}

/** What a replica enters. */
export interface Entering {
  /** All links from epoch 0 to the epoch that is entered. */
  readonly links: readonly Uint8Array[];
  /** The epochs from the one before, whose rules the store's records follow, to the one that is entered. */
  readonly epochs: readonly Epoch[];
  /** The number and key of this replica there; `null` if it is no member of it. */
  readonly member: { readonly self: number; readonly publicKey: string } | null;
  readonly hash: (bytes: Uint8Array) => Digest;
  /** What an empty store means. */
  readonly start: Start;
}

/** Enters an epoch, unless another instance of this replica has done so already. */
export async function enterEpoch(store: Store, entering: Entering): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const loaded = await store.load();
    if (chainIn(loaded).length >= entering.epochs.at(-1)!.number) return;
    try {
      const writes = writesOf(loaded, entering);
      await dropFormerState(store, loaded, entering, writes);
      await store.commit(writes, loaded.version);
      return;
    } catch (error) {
      if (!(error instanceof StoreConflictError) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/**
 * A state of a former version of the state machine that is not the one at which the epoch starts: nobody reads it any
 * more. Its blobs count as fetched, so that the state transfer takes what it needs and drops the rest.
 */
async function dropFormerState(
  store: Store,
  { records }: Loaded,
  { epochs, hash }: Entering,
  writes: WriteSet,
): Promise<void> {
  const checkpoint = new RecordReader(records, epochs[0]!.genesis).checkpoint();
  if (!checkpoint || !isOfFormerVersion(epochs, checkpoint.sequence)) return;
  const blobs = new BlobReader(store, hash);
  const read = async (digest: Digest) => unpack((await blobs.read([digest])).get(digest)!);
  const { pages } = readRoot(await read(checkpoint.root));
  writes.records.set("checkpoint", null);
  writes.put(`${FETCHED}${checkpoint.root}`, [checkpoint.root, ...pages.map(([, page]) => page)]);
  for (const [, page] of pages) {
    const chunks = entriesOf(readPage(await read(page))).map(([, chunk]) => chunk);
    writes.put(`${FETCHED}${chunks[0]}`, chunks);
  }
}

/**
 * Whether a state of the first of these epochs, at this number, was made that of another version of the state machine
 * later. The state of a closing checkpoint is that of the next epoch's version already.
 */
export function isOfFormerVersion(epochs: readonly Epoch[], sequence: number): boolean {
  return epochs.some(({ genesis, start }, i) =>
    i > 0 && epochs[i - 1]!.genesis.stateMachine !== genesis.stateMachine && sequence < start!.sequence
  );
}

function writesOf(loaded: Loaded, { links, epochs, member, hash, start }: Entering): WriteSet {
  const [from, to] = [epochs[0]!, epochs.at(-1)!];
  const writes = new WriteSet();
  const { records } = loaded;
  dropBodies(new RecordReader(records, from.genesis), writes);
  for (const key of records.keys()) {
    if (KEPT.includes(key) || KEPT_PREFIXES.some((prefix) => key.startsWith(prefix))) continue;
    writes.records.set(key, null);
  }
  keepEvidence(records, from.number, writes);
  // Whether this replica voted in the epoch that it enters, before it lost its disk, it does not know.
  const isRecovering = records.has("lost-disk") || (loaded.version === 0 && start === "recover");
  if (isRecovering) writes.put("lost-disk", plainOf(NEW_RECOVERY));
  const digests = links.slice(0, to.number).map((link) => {
    const digest = hash(link);
    writes.putBlob(digest, link);
    return digest;
  });
  writes.put(CHAIN, digests);
  writes.put("format", FORMAT);
  if (member) writes.put("identity", [to.cluster, member.self, member.publicKey]);
  writes.isBinding = true;
  writes.count++;
  return writes;
}

/** Drops the bodies of batches that no record names any more. Each is named by a number that the epoch did not reach. */
function dropBodies(reader: RecordReader, writes: WriteSet): void {
  const bodies = [
    ...reader.accepted().map(({ message }) => message.digest),
    ...reader.former().flatMap(({ bodies }) => bodies.map(({ digest }) => digest)),
    ...reader.committed().map(({ digest }) => digest),
    ...reader.prepared().map(({ prePrepare }) => prePrepare.message.digest),
  ];
  for (const digest of bodies) writes.blobs.set(digest, null);
}

/** The store without its end: the next epoch's replica uses it. */
export function keptOpen(store: Store): Store {
  return wrap(store, { close: () => Promise.resolve() });
}
