/**
 * Removes old snapshots from a storage.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import { entriesOn, readBlob, rootIn } from "./blobs.ts";
import { decodeManifest, proveHead } from "./manifest.ts";
import { SnapshotError } from "./snapshot_error.ts";
import { blobKey, BLOBS, isBlobKey, manifestKeys, type SnapshotStorage } from "./storage/storage.ts";

/**
 * Marks that blobs are being removed. A page stands for its chunks (see save.ts), which does not hold in between, so an
 * interrupted removal is finished before the next save.
 */
const PRUNING = "snapshots/pruning";

/**
 * Keeps the newest `keep` snapshots and removes the others, with the blobs that no kept one names. Takes memory for the
 * digests of all kept blobs: about 100 bytes each. No save may run meanwhile.
 * @throws {SnapshotError} if there is no snapshot, or a kept one is damaged; then nothing was removed.
 */
export async function pruneSnapshots(
  storage: SnapshotStorage,
  keep: number,
): Promise<{ readonly snapshots: number; readonly blobs: number }> {
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new RangeError(`keep: expected a number of snapshots, 1 or more, got ${keep}`);
  }
  const all = await manifestKeys(storage);
  // Blobs without a manifest may be all that is left of a snapshot whose manifest somebody has moved.
  if (all.length === 0) throw new SnapshotError("expected a snapshot in the storage, found none; nothing was removed");
  const old = all.slice(0, -keep);
  const kept = await namedBlobs(storage, all.slice(-keep));
  await storage.tidy?.();
  for (const key of old) await storage.delete(key);
  return { snapshots: old.length, blobs: await sweep(storage, kept) };
}

/** Finishes a removal that was interrupted. */
export async function finishPruning(storage: SnapshotStorage): Promise<void> {
  if (await storage.has(PRUNING)) await sweep(storage, await namedBlobs(storage, await manifestKeys(storage)));
}

async function sweep(storage: SnapshotStorage, named: ReadonlySet<string>): Promise<number> {
  await storage.put(PRUNING, new Uint8Array(0));
  let blobs = 0;
  for await (const key of storage.list(BLOBS)) {
    if (named.has(key) || !isBlobKey(key)) continue;
    await storage.delete(key);
    blobs++;
  }
  await storage.delete(PRUNING);
  return blobs;
}

/** The keys of the blobs of these snapshots. */
async function namedBlobs(storage: SnapshotStorage, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  for (const key of keys) await nameBlobs(storage, key, named);
  return named;
}

async function nameBlobs(storage: SnapshotStorage, key: string, named: Set<string>): Promise<void> {
  const { root } = await proveHead(decodeManifest((await storage.get(key))!, key));
  const add = (digest: Digest) => named.add(blobKey(digest));
  add(root);
  for (const page of rootIn(root, await readBlob(storage, root)).pages) {
    const [, digest] = page;
    if (named.has(blobKey(digest))) continue;
    add(digest);
    for (const [, chunk] of entriesOn(page, await readBlob(storage, digest))) add(chunk);
  }
}
