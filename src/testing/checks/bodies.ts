/**
 * A body lives as long as its number is open: what a replica has accepted its store holds until it has a certificate of a later view for
 * that number, has executed it, or a stable checkpoint covers it.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";

/** What is needed to judge. */
export interface BodiesContext {
  /** By number, the last view in which each digest was accepted that is still to be there. */
  readonly owed: ReadonlyMap<number, ReadonlyMap<Digest, number>>;
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  readonly nullDigest: Digest;
  readonly n: number;
}

/** Which body a store lacks, for people; `null`: none. */
export function lostBody({ owed, blobs, nullDigest, n }: BodiesContext): string | null {
  for (const [sequence, digests] of owed) {
    if (digests.size > 8 * n) continue; // the oldest may go
    for (const [digest, view] of digests) {
      if (digest === nullDigest || blobs.has(digest)) continue;
      return `the body of ${digest.slice(0, 8)}, accepted at ${sequence} in view ${view}`;
    }
  }
  return null;
}
