/**
 * Eviction from the client table, for sessions and for names.
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";

/** The sequence number and the agreed time at which a batch is executed. */
export interface Moment {
  readonly sequence: SequenceNumber;
  readonly timestamp: Millis;
  /**
   * The agreed time of the batch before, which decides on names and gateway requests. If absent, `timestamp` has
   * certainly passed.
   */
  readonly before?: number;
}

/** How full a table may be, and which entries may be evicted. */
export interface Room {
  readonly max: number;
  /** An entry used less than this long ago is never evicted, ms. */
  readonly idleMs: number;
  readonly now: number;
}

/**
 * Makes room in a full table: evicts the entry that was idle longest (of equals the one with the lowest key). Returns
 * false if no entry has been idle for `idleMs`. So a flood of new clients evicts no active client.
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
