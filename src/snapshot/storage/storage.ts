/**
 * The place where snapshots are kept: a folder, or a bucket of objects at a cloud.
 *
 * | key | value |
 * | --- | --- |
 * | `blobs/DIGEST` | a page or a chunk of a state, by the SHA-256 of its bytes; snapshots share equal blobs |
 * | `snapshots/NUMBER-DIGEST.json` | the manifest of one snapshot, written last: NUMBER in 16 digits, DIGEST of its root page |
 *
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";

/** Storage of values by key, as object stores have it. Keys consist of letters, digits, `-`, `.` and `/`. */
export interface SnapshotStorage {
  /** The value; `null` if there is none. */
  get(key: string): Promise<Uint8Array | null>;
  /**
   * Optional: the value at once, without a promise. With it a migration reads what it needs; otherwise the whole state is
   * in memory meanwhile.
   */
  getSync?(key: string): Uint8Array | null;
  /** Whether there is a value. */
  has(key: string): Promise<boolean>;
  /** Stores a value: all of it or nothing, durable when this resolves. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** Removes a value, if there is one. */
  delete(key: string): Promise<void>;
  /** Optional: removes what writes have left that were interrupted. None may run meanwhile. */
  tidy?(): Promise<void>;
  /** The keys that begin with `prefix`, in any order. */
  list(prefix: string): AsyncIterable<string>;
}

/** The prefix of the keys of blobs. */
export const BLOBS = "blobs/";
/** The prefix of the keys of manifests. */
export const SNAPSHOTS = "snapshots/";

const MANIFEST = /^snapshots\/\d{16}-[0-9a-f]{64}\.json$/;
const BLOB = /^blobs\/[0-9a-f]{64}$/;

/** Whether this is the key of a blob. */
export function isBlobKey(key: string): boolean {
  return BLOB.test(key);
}

/** The key of a blob. */
export function blobKey(digest: Digest): string {
  return BLOBS + digest;
}

/** The key of a manifest. Keys sort as their numbers do. */
export function manifestKey({ sequence, root }: { readonly sequence: number; readonly root: Digest }): string {
  return `${SNAPSHOTS}${String(sequence).padStart(16, "0")}-${root}.json`;
}

/** The number of the snapshot with this manifest. */
export function numberIn(manifestKey: string): number {
  return Number(manifestKey.slice(SNAPSHOTS.length).split("-", 1)[0]);
}

/** The keys of all manifests, the newest last. What else lies there is nobody's. */
export async function manifestKeys(storage: SnapshotStorage): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const key of storage.list(SNAPSHOTS)) if (MANIFEST.test(key)) keys.push(key);
  return keys.sort();
}
