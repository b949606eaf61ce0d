/**
 * What a watch gives.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { WatchVote } from "./source.ts";

/** A change of the state. */
export interface ChangeEvent {
  /** "change". */
  readonly kind: "change";
  /** The number of the batch that made it. A batch may make several, which come in their order. */
  readonly sequence: number;
  /** The key. */
  readonly key: string;
  /** The new value; `null`: the key was removed. */
  readonly value: string | null;
  /** The f + 1 replicas that have signed it. */
  readonly signedBy: readonly ReplicaId[];
  /** Their statements and signatures. */
  readonly votes: readonly WatchVote[];
}

/** A batch was executed. */
export interface BatchEvent {
  /** "batch". */
  readonly kind: "batch";
  /** Its number. */
  readonly sequence: number;
  /** How many requests it had. */
  readonly requests: number;
  /** How many operations they had. */
  readonly operations: number;
  /** The f + 1 replicas that have signed it. */
  readonly signedBy: readonly ReplicaId[];
  /** Their statements and signatures. */
  readonly votes: readonly WatchVote[];
}

/** Changes of these numbers are not kept any more by enough replicas. What comes next is complete again. */
export interface MissedEvent {
  /** "missed". */
  readonly kind: "missed";
  /** The first number. */
  readonly from: number;
  /** The last number. */
  readonly through: number;
}

/** Options of {@linkcode Client.watch}. */
export interface WatchSettings {
  /**
   * The first number of interest, such as {@linkcode Watch.resumeAt} of an earlier watch. Without it, and with the
   * `null` of a watch that never began: what comes from now on.
   */
  readonly from?: number | null;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

/** One key, or the keys with a prefix. */
export type WatchedKeys = { readonly key: string } | { readonly prefix: string };

/** Events in order. It begins when it is made; the end of a loop over it, or `return`, ends it. */
export interface Watch<Event> extends AsyncIterableIterator<Event, undefined> {
  /**
   * The number at which it begins: all changes from this number on will come. A query that is made afterwards shows the
   * state with all changes before. Rejects if the watch ends earlier.
   */
  readonly begun: Promise<number>;
  /**
   * The `from` with which another watch goes on behind the events that this one has given. Between two changes of one
   * batch it is the number of this batch. While nothing comes it grows with what the replicas execute. `null` before
   * {@linkcode begun}: no change is promised yet.
   */
  readonly resumeAt: number | null;
  /** Ends the watch. */
  return(): Promise<IteratorResult<Event, undefined>>;
}

/** What any watch gives. */
export type AnyEvent = BatchEvent | ChangeEvent | MissedEvent;
