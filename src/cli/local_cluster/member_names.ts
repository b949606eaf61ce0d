/**
 * goPBFT's four replicas, and who comes after them.
 * @module
 */

const NAMES: readonly string[] = [
  ...["Apple", "Ball", "Candy", "Dog", "Elk", "Fig", "Goat", "Hat", "Ibis", "Jam", "Kite", "Lion", "Mango"],
  ...["Nut", "Owl", "Plum", "Quail", "Rose", "Swan", "Tea", "Urchin", "Vine", "Wolf", "Xerus", "Yam", "Zebra"],
];

/** As many as there are names. */
export const MAX_REPLICAS: number = NAMES.length;

/** The names of the first n replicas, in the order of their ids. @throws {RangeError} if there are not so many. */
export function memberNames(n: number): readonly string[] {
  if (!Number.isInteger(n) || n < 1 || n > MAX_REPLICAS) {
    throw new RangeError(`n: expected 1 to ${MAX_REPLICAS}, got ${n}`);
  }
  return NAMES.slice(0, n);
}
