/**
 * The data of a checkpoint that is being taken in slices.
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "../messages/ids.ts";
import type { ChunkChange } from "../tree/state_blobs.ts";

/** Changes as of one number, given one by one. */
export interface Frozen {
  readonly sequence: SequenceNumber;
  readonly history: Digest;
  readonly agreedTime: Millis;
  /**
   * Whether nothing may be executed until all are in the tree. So it is if the host wants each checkpoint at once; and if
   * the state machine loads chunks by what the tree names, and has given all its changes at once: until then the tree
   * names chunks that it no longer has.
   */
  readonly blocks: boolean;
  /** At most how many are left. */
  readonly left: number;
  next(): ChunkChange | null;
  /** Ids of the changes left that nobody else still knows as changed. */
  idsLeft(): readonly string[];
}

/** A checkpoint that is being taken. */
export interface Sealing extends Pick<Frozen, "sequence" | "history" | "agreedTime" | "blocks"> {
  /** The parts that are not made yet. */
  readonly frozen: Frozen;
  /** Chunks that were made, and wait for their pages to be loaded. */
  made: readonly ChunkChange[];
  /** How many chunks there were in all at most, and pages; `null` while chunks are left. */
  readonly chunks: number;
  pages: number | null;
  /** How many of the pages are left to be hashed. */
  pagesLeft: number;
  /** Whether it waits for pages that are being read, or for the others, who have the next version of the state machine. */
  isWaiting: boolean;
  /** Whether the chunks are those of the next version of the state machine. */
  isMigrated: boolean;
  /** Chunks that were loaded for a migration, by their digests. */
  readonly former: Map<Digest, Uint8Array>;
}
