/**
 * Saves the state of a running replica. Only what the storage lacks is fetched, so that a later snapshot costs as much
 * as has changed. What a save that was interrupted has stored is used by the next one.
 * @module
 */
import type { Digest, SequenceNumber } from "../core/messages/ids.ts";
import { checkedBlob, entriesOn, forEach, readBlob, rootIn } from "./blobs.ts";
import { clusterId } from "../crypto/mod.ts";
import { decodeManifest, encodeManifest, proveHead, type SnapshotHead } from "./manifest.ts";
import { finishPruning } from "./prune.ts";
import { SnapshotError } from "./snapshot_error.ts";
import type { Trust } from "./trust.ts";
import { blobKey, manifestKey, manifestKeys, numberIn, type SnapshotStorage } from "./storage/storage.ts";

/** The replica whose state is saved: in this process, or behind its HTTP interface. */
export interface SnapshotSource {
  /** Its last stable checkpoint. @throws {SnapshotError} if it has none yet. */
  head(): Promise<SnapshotHead>;
  /**
   * Blobs by their digests, in order: a part of those that were asked for, at least one; `null` for one that it no longer has.
   */
  read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]>;
}

/** A saved snapshot. */
export interface SavedSnapshot {
  /** The number of the last batch that it contains. */
  readonly sequence: SequenceNumber;
  /** The digest of the state's root page. */
  readonly root: Digest;
  /** The epoch of the checkpoint. */
  readonly epoch: number;
  /** The links that lead to this epoch. */
  readonly chain: readonly Uint8Array[];
  /** The key of its manifest. */
  readonly key: string;
  /** Blobs and bytes that were fetched, not counting those that were there. */
  readonly fetched: { readonly blobs: number; readonly bytes: number };
}

/** Options of {@linkcode saveSnapshot}: whom the caller trusts (by default the replica), and who is told. */
export interface SaveOptions extends Trust {
  /** The state at an earlier number is refused, and so is one before the newest snapshot in the storage. */
  readonly least?: number;
  /**
   * Whether what the storage has of this state is read, and fetched again if it is damaged. Otherwise a page that is there
   * counts as complete, and its chunks are not looked at. Default: no.
   */
  readonly repairs?: boolean;
  /** Is called with the sum of the blobs fetched so far. */
  readonly onProgress?: (fetched: { readonly blobs: number; readonly bytes: number }) => void;
}

/** Blobs asked for in one call. */
const READ_AT_ONCE = 64;
/** How often a save begins anew because the replica has gone on to another state meanwhile. */
const MAX_ATTEMPTS = 100;

/** The replica no longer has a blob of this state. */
class MovedOn extends Error {}

/**
 * Saves the state of the replica's last stable checkpoint.
 * @throws {SnapshotError} if the replica has no stable checkpoint, is in an earlier epoch than the caller knows, or gives
 * wrong data; or if the storage has snapshots of another cluster.
 */
export async function saveSnapshot(
  source: SnapshotSource,
  storage: SnapshotStorage,
  options: SaveOptions = {},
): Promise<SavedSnapshot> {
  const fetched = { blobs: 0, bytes: 0 };
  await finishPruning(storage);
  const kept = await clusterIn(storage);
  const least = Math.max(options.least ?? 0, await newestIn(storage));
  for (let attempt = 1;; attempt++) {
    const head = await source.head();
    const { sequence, root, epoch, cluster } = await proveHead(head, options);
    checkPlace({ kept, cluster }, { epoch: epoch.number, known: options.chain?.length ?? 0 });
    if (sequence < least) {
      throw new SnapshotError(
        `expected the state at ${least} or later, got that at ${sequence}: the replica is behind`,
      );
    }
    const key = manifestKey({ sequence, root });
    try {
      const isThere = await storage.has(key);
      if (!isThere || options.repairs) await new Save(source, storage, fetched, options).tree(root);
      if (!isThere) await storage.put(key, encodeManifest(head));
      return { sequence, root, epoch: epoch.number, chain: head.chain ?? [], key, fetched };
    } catch (error) {
      if (!(error instanceof MovedOn)) throw error;
      if (attempt === MAX_ATTEMPTS) {
        throw new SnapshotError(`the replica drops its states faster than they are read, ${MAX_ATTEMPTS} times`);
      }
    }
  }
}

/** The cluster whose snapshots a storage has; `null` if it has none. @throws {SnapshotError} if the newest can't be read. */
export async function clusterIn(storage: SnapshotStorage): Promise<Digest | null> {
  const newest = (await manifestKeys(storage)).at(-1);
  const manifest = newest === undefined ? null : await storage.get(newest);
  return manifest && clusterId(decodeManifest(manifest, newest).genesis);
}

/** The number of the newest snapshot; 0 if there is none. */
async function newestIn(storage: SnapshotStorage): Promise<number> {
  const newest = (await manifestKeys(storage)).at(-1);
  return newest === undefined ? 0 : numberIn(newest);
}

/** @throws {SnapshotError} if the storage is another cluster's, or the replica is in an earlier epoch than the caller knows. */
function checkPlace(
  { kept, cluster }: { readonly kept: Digest | null; readonly cluster: Digest },
  { epoch, known }: { readonly epoch: number; readonly known: number },
): void {
  if (kept !== null && kept !== cluster) {
    throw new SnapshotError(`the storage has snapshots of cluster ${kept}: save those of cluster ${cluster} elsewhere`);
  }
  if (epoch < known) {
    throw new SnapshotError(`expected a checkpoint of epoch ${known} or later, got one of epoch ${epoch}`);
  }
}

class Save {
  constructor(
    readonly source: SnapshotSource,
    readonly storage: SnapshotStorage,
    readonly fetched: { blobs: number; bytes: number },
    readonly options: Pick<SaveOptions, "onProgress" | "repairs">,
  ) {}

  /** Each page is stored after its chunks, and the root after its pages: a stored page or root is complete. */
  async tree(root: Digest): Promise<void> {
    const { repairs } = this.options;
    if (!repairs && await this.storage.has(blobKey(root))) return;
    const rootPage = (repairs ? await this.#sound(root) : null) ?? (await this.#fetch([root]))[0]!;
    const { pages } = rootIn(root, rootPage);
    for (let at = 0; at < pages.length; at += READ_AT_ONCE) {
      const some = pages.slice(at, at + READ_AT_ONCE);
      const missing = new Set(await this.#missing(some.map(([, digest]) => digest)));
      const wanted = some.filter(([, digest]) => missing.has(digest));
      const found = await this.#fetch(wanted.map(([, digest]) => digest));
      for (const [i, page] of wanted.entries()) {
        await this.#chunks(page, found[i]!);
        await this.storage.put(blobKey(page[1]), found[i]!);
      }
      const kept = repairs ? some.filter(([, digest]) => !missing.has(digest)) : [];
      for (const page of kept) await this.#chunks(page, (await this.#sound(page[1]))!);
    }
    await this.storage.put(blobKey(root), rootPage);
  }

  /** Stores the chunks of a page that are missing. */
  async #chunks(page: readonly [id: string, digest: Digest], bytes: Uint8Array): Promise<void> {
    const chunks = await this.#missing(entriesOn(page, bytes).map(([, digest]) => digest));
    for (let at = 0; at < chunks.length; at += READ_AT_ONCE) {
      const asked = chunks.slice(at, at + READ_AT_ONCE);
      const found = await this.#fetch(asked);
      await forEach([...asked.entries()], ([i, digest]) => this.storage.put(blobKey(digest), found[i]!));
    }
  }

  async #missing(digests: readonly Digest[]): Promise<readonly Digest[]> {
    const missing = new Set(digests);
    await forEach(digests, async (digest) => {
      const { repairs } = this.options;
      const isThere = repairs ? await this.#sound(digest) !== null : await this.storage.has(blobKey(digest));
      if (isThere) missing.delete(digest);
    });
    return [...missing];
  }

  /** A blob that the storage has; `null` if it is missing or damaged. */
  async #sound(digest: Digest): Promise<Uint8Array | null> {
    try {
      return await readBlob(this.storage, digest);
    } catch (error) {
      if (error instanceof SnapshotError) return null;
      throw error;
    }
  }

  async #fetch(digests: readonly Digest[]): Promise<readonly Uint8Array[]> {
    const found: Uint8Array[] = [];
    while (found.length < digests.length) {
      const asked = digests.slice(found.length);
      const blobs = await this.source.read(asked);
      if (blobs.length === 0 || blobs.length > asked.length) {
        throw new SnapshotError(`expected 1 to ${asked.length} blobs of the replica, got ${blobs.length}`);
      }
      for (const [i, bytes] of blobs.entries()) {
        if (bytes === null) throw new MovedOn();
        found.push(checkedBlob(asked[i]!, bytes));
        this.fetched.blobs++;
        this.fetched.bytes += bytes.length;
      }
      this.options.onProgress?.(this.fetched);
    }
    return found;
  }
}
