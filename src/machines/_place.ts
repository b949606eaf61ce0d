/**
 * A place in the tree of a chunked map, and the rule that makes it a leaf or a branch.
 * @module
 */
import type { Entries } from "./_chunk.ts";
import { MAX_DEPTH } from "./_key_hash.ts";

/** A leaf above this size, in code units of keys and values, is split. */
const MAX_LEAF_SIZE = 8 * 1024;
/** What an entry counts besides its texts, so that empty ones are not free. */
const ENTRY_SIZE = 8;

/** A place in the tree: a leaf has `entries`, a branch has `children`. A leaf may be empty, which makes no chunk. */
export interface Place {
  readonly id: string;
  readonly parent: Place | null;
  /** Of all entries below. */
  size: number;
  count: number;
  entries: Entries | null;
  children: (Place | undefined)[] | null;
  /** Whether its id is among those that changed. */
  changed: boolean;
}

/** An empty leaf. */
export function leaf(id: string, parent: Place | null): Place {
  return { id, parent, size: 0, count: 0, entries: [], children: null, changed: false };
}

/** Whether what is below a place belongs into one leaf there. */
export function isLeaf({ id, size, count }: Place): boolean {
  return size <= MAX_LEAF_SIZE || count <= 1 || id.length === MAX_DEPTH;
}

/** Gives a leaf these entries and the totals that belong to them. */
export function fill(place: Place, entries: Entries): void {
  place.entries = entries;
  place.count = entries.length / 2;
  place.size = entries.reduce((size, text) => size + text.length, place.count * ENTRY_SIZE);
}

/** Adds to the totals up to the root. Returns the highest branch that is now to be a leaf. */
export function grow(from: Place, size: number, count: number): Place | undefined {
  let merged: Place | undefined;
  for (let place: Place | null = from; place; place = place.parent) {
    place.size += size;
    place.count += count;
    if (place.children && isLeaf(place)) merged = place;
  }
  return merged;
}

/** What an entry adds to the size of its leaf. */
export function sizeOf(key: string, value: string): number {
  return key.length + value.length + ENTRY_SIZE;
}
