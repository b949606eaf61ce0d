/**
 * Which blobs of a store are damaged.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { CorruptStoreError } from "../storage/store_errors.ts";

/** Blobs that were read, and those that are missing or do not match their digests. */
export interface ReadBlobs {
  readonly sound: ReadonlyMap<Digest, Uint8Array>;
  readonly damaged: readonly Digest[];
}

/** Reads each blob by itself. `read` checks them. Returns `null` if the store itself fails. */
export async function readSound(
  digests: readonly Digest[],
  read: (digests: readonly Digest[]) => Promise<ReadonlyMap<Digest, Uint8Array>>,
): Promise<ReadBlobs | null> {
  const sound = new Map<Digest, Uint8Array>();
  const damaged: Digest[] = [];
  for (const digest of digests) {
    try {
      for (const [found, bytes] of await read([digest])) sound.set(found, bytes);
    } catch (error) {
      if (!(error instanceof CorruptStoreError)) return null;
      damaged.push(digest);
    }
  }
  return { sound, damaged };
}
