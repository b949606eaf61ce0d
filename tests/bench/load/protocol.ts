/**
 * What the bench tells the process of the callers, and what that answers: one line of JSON each.
 * @module
 */
import type { KindName } from "../work/work.ts";

/** Callers of one kind. */
export interface Callers {
  readonly kind: KindName;
  readonly callers: number;
  /** Bytes of an operation. */
  readonly payload: number;
}

/** When a round ends: after so many seconds, operations, or batches, whichever comes first. */
export interface End {
  readonly seconds?: number;
  readonly operations?: number;
  /** Sequence numbers, by the results. */
  readonly batches?: number;
}

/** Lets callers work for a round. The clients stay for the next round of the same callers. */
export interface Order {
  readonly callers: Callers;
  readonly end: End;
}

/** What one round of load came to. Times in ms, of all operations that succeeded. */
export interface Load {
  readonly operations: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The longest time in which no operation succeeded. */
  readonly pauseMs: number;
  /** The first error, if any. */
  readonly error?: string;
}
