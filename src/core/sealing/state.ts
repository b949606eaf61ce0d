/**
 * The data of a checkpoint that is being taken in slices.
 * @module
 */
import type { Digest, Millis, SequenceNumber } from "../messages/ids.ts";
import type { CheckedSteps } from "../epochs/migrate.ts";
import type { ChunkChecker } from "../state_machine.ts";
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
  /** The migration to it, once it is under way. */
  migrating: Migrating | null;
}

/** A migration under way. */
export interface Migrating {
  /** The chunks of the former state, ascending, by the machine's ids. */
  readonly former: readonly (readonly [id: string, digest: Digest])[];
  /** Their places in that list. */
  readonly places: ReadonlyMap<string, number>;
  /** Blobs of the former state that were loaded and not read yet. */
  readonly loaded: Map<Digest, Uint8Array>;
  /** The chunks that it has given, by their ids in the tree. */
  readonly next: Map<string, Digest>;
  /** `null` if it could not be begun. */
  run: MigrationRun | null;
  /** The chunk that the last step has asked for. */
  wanted: string | null;
}

/** The steps of a migration, and what checks the new state. */
export interface MigrationRun {
  readonly steps: CheckedSteps;
  readonly checker: ChunkChecker;
}
