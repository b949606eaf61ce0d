/**
 * Room in the client table, for sessions and for names.
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";

/** Where and when a batch is executed. */
export interface Moment {
  readonly sequence: SequenceNumber;
  readonly timestamp: Millis;
  /** The agreed time of the batch before, by which names and gateway requests grow old; `timestamp` has passed, if it is absent. */
  readonly before?: number;
}

/** How full a table may be, and which of its entries may go. */
export interface Room {
  readonly max: number;
  /** An entry that was used less than so long ago is never evicted, ms. */
  readonly idleMs: number;
  readonly now: number;
}

/**
 * Evicts the longest idle entry of a full table, ties broken by key; false if none has been idle for so long. So a flood evicts
 * nobody at work.
 */
export function makeRoom<T extends { readonly lastUsed: Millis }>(
  table: Map<string, T>,
  { max, idleMs, now }: Room,
  onEvicted: (entry: T) => void,
): boolean {
  if (table.size < max) return true;
  let idlest: [string, T] | null = null;
  for (const entry of table) {
    if (
      !idlest || entry[1].lastUsed < idlest[1].lastUsed ||
      (entry[1].lastUsed === idlest[1].lastUsed && entry[0] < idlest[0])
    ) {
      idlest = entry;
    }
  }
  if (!idlest || idlest[1].lastUsed + idleMs > now) return false;
  table.delete(idlest[0]);
  onEvicted(idlest[1]);
  return true;
}
