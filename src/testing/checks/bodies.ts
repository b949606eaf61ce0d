/**
 * A body lives as long as its number is open. The store of a replica keeps each accepted body until the replica has a
 * certificate of a later view for that number, has executed the number, or has a stable checkpoint that covers it.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";

/** The facts to check. */
export interface BodiesContext {
  /** For each number: the digests whose bodies must be there, each with the last view in which it was accepted. */
  readonly owed: ReadonlyMap<number, ReadonlyMap<Digest, number>>;
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  readonly nullDigest: Digest;
  readonly n: number;
}

/** The body that a store lacks, for people; `null`: none. */
export function lostBody({ owed, blobs, nullDigest, n }: BodiesContext): string | null {
  for (const [sequence, digests] of owed) {
    if (digests.size > 8 * n) continue; // the oldest may be dropped
    for (const [digest, view] of digests) {
      if (digest === nullDigest || blobs.has(digest)) continue;
      return `the body of ${digest.slice(0, 8)}, accepted at ${sequence} in view ${view}`;
    }
  }
  return null;
}
