/**
 * Replay protection for numbered messages. A liar may repeat an old message of another replica, which still carries a
 * valid signature. It is recognized by its number, which is not above the numbers received since. A sender's numbers
 * grow across its restarts. A receiver forgets the numbers in its own restart, which costs little: the next true
 * message makes all older ones worthless again.
 * @module
 */

/** The numbers that were received from one sender. */
export interface Freshness {
  /** The highest number received. */
  highest: number;
  /** The numbers received near the highest, because messages may overtake each other. */
  recent: readonly number[];
}

/** A number this far below the highest is too old. */
const WINDOW = 256;

/** The state before the first message. */
export function createFreshness(): Freshness {
  return { highest: 0, recent: [] };
}

/** Whether this number is new from its sender. If so, it is noted. */
export function isFresh(freshness: Freshness, number: number): boolean {
  if (number <= freshness.highest - WINDOW || freshness.recent.includes(number)) return false;
  if (number > freshness.highest) freshness.highest = number;
  const oldest = freshness.highest - WINDOW;
  freshness.recent = [...freshness.recent, number].filter((other) => other > oldest);
  return true;
}
