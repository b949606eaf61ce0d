/**
 * The names of the members of a local cluster. The first four are those of goPBFT.
 * @module
 */

const NAMES: readonly string[] = [
  ...["Apple", "Ball", "Candy", "Dog", "Elk", "Fig", "Goat", "Hat", "Ibis", "Jam", "Kite", "Lion", "Mango"],
  ...["Nut", "Owl", "Plum", "Quail", "Rose", "Swan", "Tea", "Urchin", "Vine", "Wolf", "Xerus", "Yam", "Zebra"],
];

/** The number of names. */
export const MAX_REPLICAS: number = NAMES.length;

/** The names of the first n replicas, by replica id. @throws {RangeError} if there are fewer names. */
export function memberNames(n: number): readonly string[] {
  if (!Number.isInteger(n) || n < 1 || n > MAX_REPLICAS) {
    throw new RangeError(`n: expected 1 to ${MAX_REPLICAS}, got ${n}`);
  }
  return NAMES.slice(0, n);
}
