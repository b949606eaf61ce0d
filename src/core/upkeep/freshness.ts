/**
 * Which numbered messages of one sender are new. A liar may repeat what the sender once signed: it is known by its number, which is no
 * higher than what came since. The sender's numbers grow over its restarts; what the receiver forgets in one of its own costs it little, as
 * the next true message makes all that are older worthless again.
 * @module
 */

/** What came of one sender. */
export interface Freshness {
  /** The highest number. */
  highest: number;
  /** The numbers near it that came: messages may overtake each other. */
  recent: readonly number[];
}

/** A message may be so much older, by number, than the newest one. */
const WINDOW = 256;

/** Nothing came yet. */
export function createFreshness(): Freshness {
  return { highest: 0, recent: [] };
}

/** Whether a number came for the first time; it is noted. */
export function isFresh(freshness: Freshness, number: number): boolean {
  if (number <= freshness.highest - WINDOW || freshness.recent.includes(number)) return false;
  if (number > freshness.highest) freshness.highest = number;
  const oldest = freshness.highest - WINDOW;
  freshness.recent = [...freshness.recent, number].filter((other) => other > oldest);
  return true;
}
