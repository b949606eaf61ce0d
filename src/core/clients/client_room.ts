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
 * Finds the entry of a table that was idle longest, without looking at all of them each time: whoever brings new clients
 * to a full table would have every replica do that for each. It keeps the entries as they were at one time, in order. What
 * was used since then comes after all that was not.
 */
export class Idlest<T extends { readonly lastUsed: Millis }> {
  readonly #table: ReadonlyMap<string, T>;
  #queue: (readonly [key: string, lastUsed: Millis])[] = [];
  #at = 0;
  /** Whatever was used after the queue was made has been used then or later. */
  #asOf = -Infinity;

  constructor(table: ReadonlyMap<string, T>) {
    this.#table = table;
  }

  /** Entries have changed in another way than by use: they were undone, or read from the store. */
  reset(): void {
    this.#queue = [];
    this.#at = 0;
  }

  /**
   * The entry that was idle longest (of equals the one with the lowest key), if that is for `idleMs` at least; otherwise
   * `null`.
   */
  find({ idleMs, now }: Pick<Room, "idleMs" | "now">): [string, T] | null {
    for (let isNew = false;; isNew = true) {
      const first = this.#first();
      if (first && first[1].lastUsed + idleMs > now) return null;
      if (isNew || (first && first[1].lastUsed < this.#asOf)) return first;
      this.#queue = [...this.#table].map(([key, { lastUsed }]) => [key, lastUsed] as const).sort(inOrder);
      this.#at = 0;
      this.#asOf = now;
    }
  }

  /** The first entry that was not used since. */
  #first(): [string, T] | null {
    for (; this.#at < this.#queue.length; this.#at++) {
      const [key, lastUsed] = this.#queue[this.#at]!;
      const entry = this.#table.get(key);
      if (entry?.lastUsed === lastUsed) return [key, entry];
    }
    return null;
  }
}

function inOrder([key, lastUsed]: readonly [string, Millis], [otherKey, other]: readonly [string, Millis]): number {
  return lastUsed - other || (key < otherKey ? -1 : 1);
}

/**
 * Makes room in a full table: evicts the entry that was idle longest (of equals the one with the lowest key). Returns
 * false if no entry has been idle for `idleMs`. So a flood of new clients evicts no active client.
 */
export function makeRoom<T extends { readonly lastUsed: Millis }>(
  table: Map<string, T>,
  idlest: Idlest<T>,
  room: Room,
  onEvicted: (entry: T) => void,
): boolean {
  if (table.size < room.max) return true;
  const found = idlest.find(room);
  if (!found) return false;
  table.delete(found[0]);
  onEvicted(found[1]);
  return true;
}
