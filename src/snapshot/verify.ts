/**
 * Verifies a snapshot offline: the certificate, and every blob of its state. Memory is bounded by the root page and one
 * other page.
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "../core/messages/ids.ts";
import { checkChunk, entriesOn, forEach, readBlob, rootIn } from "./blobs.ts";
import { decodeManifest, proveHead, type ProvenHead } from "./manifest.ts";
import { SnapshotError } from "./snapshot_error.ts";
import type { Trust } from "./trust.ts";
import { manifestKey, manifestKeys, numberIn, type SnapshotStorage } from "./storage/storage.ts";

/** A snapshot that is complete and proven. */
export interface VerifiedSnapshot extends ProvenHead {
  /** The agreed time of the last batch, Unix ms. */
  readonly agreedTime: Millis;
  /** The hash chain over all batches. */
  readonly history: Digest;
  /** The number of its blobs. */
  readonly blobs: number;
  /** The bytes of its blobs. */
  readonly bytes: number;
}

/** Which snapshot is meant, and who is trusted. */
export interface SnapshotChoice extends Trust {
  /** The number of the snapshot. Default: the newest. */
  readonly sequence?: SequenceNumber | number;
  /** The key of its manifest, instead of its number. */
  readonly key?: string;
}

/** Reads the manifest of a snapshot and checks its certificate. @throws {SnapshotError} if there is none, or it proves nothing. */
export async function openSnapshot(
  storage: SnapshotStorage,
  { sequence, ...choice }: SnapshotChoice = {},
): Promise<ProvenHead> {
  const keys = choice.key === undefined ? await manifestKeys(storage) : [choice.key];
  const key = sequence === undefined ? keys.at(-1) : keys.find((key) => numberIn(key) === sequence);
  if (key === undefined) {
    throw new SnapshotError(
      sequence === undefined
        ? "expected a snapshot in the storage, found none"
        : `expected a snapshot of number ${sequence}, found ${keys.length} others`,
    );
  }
  const manifest = await storage.get(key);
  if (manifest === null) throw new SnapshotError(`${key}: expected a manifest, got none`);
  const head = await proveHead(decodeManifest(manifest, key), choice);
  if (manifestKey(head) === key) return head;
  throw new SnapshotError(
    `${key}: expected the manifest of another state, got that of ${head.root} at ${head.sequence}`,
  );
}

/**
 * Verifies a snapshot wholly. `onBlob` gets each blob of the state, pages before their chunks, each once per place.
 * @throws {SnapshotError} with the reason, if it is not proven, incomplete or damaged.
 */
export async function verifySnapshot(
  storage: SnapshotStorage,
  choice: SnapshotChoice = {},
  onBlob: (digest: Digest, bytes: Uint8Array) => Promise<void> = () => Promise.resolve(),
): Promise<VerifiedSnapshot> {
  const head = await openSnapshot(storage, choice);
  return { ...head, ...await verifyState(storage, head, onBlob) };
}

/** A state that is complete. */
export type VerifiedState = Pick<VerifiedSnapshot, "sequence" | "root" | "agreedTime" | "history" | "blobs" | "bytes">;

/**
 * Verifies that a storage has a state wholly. `onBlob` as in {@linkcode verifySnapshot}.
 * @throws {SnapshotError} if it is incomplete or damaged, or is that at another number.
 */
export async function verifyState(
  storage: SnapshotStorage,
  { sequence: expected, root }: { readonly sequence: SequenceNumber; readonly root: Digest },
  onBlob: (digest: Digest, bytes: Uint8Array) => Promise<void> = () => Promise.resolve(),
): Promise<VerifiedState> {
  let blobs = 0;
  let bytes = 0;
  const read = async (digest: Digest, check: (blob: Uint8Array) => void = () => {}): Promise<Uint8Array> => {
    const blob = await readBlob(storage, digest);
    check(blob);
    blobs++;
    bytes += blob.length;
    await onBlob(digest, blob);
    return blob;
  };
  const { sequence, agreedTime, history, pages } = rootIn(root, await read(root));
  if (sequence !== expected) {
    throw new SnapshotError(`root page: expected the state at ${expected}, got that at ${sequence}`);
  }
  for (const page of pages) {
    await forEach(entriesOn(page, await read(page[1])), async (chunk) => {
      await read(chunk[1], (blob) => checkChunk(chunk, blob));
    });
  }
  return { sequence, root, agreedTime, history, blobs, bytes };
}
