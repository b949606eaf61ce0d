/**
 * The leaves of a {@linkcode LeafMap}: runs of texts under texts, and how one that is too large is cut.
 * @module
 */
import { commonBits, lowestLike } from "./text_bits.ts";

/** `["a", "1", "b", "2"]`: the values of `a` and `b`, keys ascending by code units. */
export type Entries = string[];

/** What an entry counts besides its texts, so that empty ones are not free. */
const ENTRY_SIZE = 8;

/** A run of entries: all that are in one region of keys. */
export interface Leaf {
  /** The lowest text of its region. */
  id: string;
  /** How many bits the texts of its region have in common. */
  depth: number;
  /** From here on there is no key of an earlier leaf; at most {@linkcode Leaf.id}; empty: it is the first leaf. */
  from: string;
  /** The id of the next leaf; `null`: it is the last. */
  to: string | null;
  entries: Entries;
  size: number;
  /** It is a part of another one now. */
  isGone: boolean;
}

/** A leaf as it is kept. */
export type KnownLeaf = Pick<Leaf, "id" | "depth" | "entries">;

/** A leaf with these entries; its place among others is still to be set. */
export function createLeaf(id: string, depth: number, entries: Entries): Leaf {
  return { id, depth, from: id, to: null, entries, size: sizeOf(entries), isGone: false };
}

/** What entries count. */
export function sizeOf(entries: Readonly<Entries>): number {
  let size = entries.length / 2 * ENTRY_SIZE;
  for (const text of entries) size += text.length;
  return size;
}

/** What one entry counts. */
export function entrySize(key: string, value: string): number {
  return key.length + value.length + ENTRY_SIZE;
}

/** Where `key` is among the entries, or belongs: an even number. */
export function placeOf(entries: Readonly<Entries>, key: string): number {
  let low = 0;
  for (let high = entries.length / 2; low < high;) {
    const middle = (low + high) >>> 1;
    if (entries[2 * middle]! < key) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

/** Whether a key is in the leaf's region. */
export function isInRegion({ id, depth }: Pick<Leaf, "id" | "depth">, key: string): boolean {
  return commonBits(id, key) >= depth;
}

/** Whether a leaf is what there must be between these two. */
export function isWellPlaced(
  leaf: Leaf,
  [before, after]: readonly [before: Leaf | undefined, after: Leaf | undefined],
  maxSize: number,
): boolean {
  const [below, above] = [before, after].map((other) => (other ? commonBits(leaf.id, other.id) : -1)) as [
    number,
    number,
  ];
  const isFirstHalf = above === leaf.depth - 1 && after?.depth === leaf.depth;
  return leaf.entries.length > 0 && leaf.depth === Math.max(below, above) + 1 &&
    leaf.id === lowestLike(leaf.entries[0]!, leaf.depth) && isInRegion(leaf, leaf.entries.at(-2)!) &&
    (leaf.size <= maxSize || leaf.entries.length === 2) &&
    !(isFirstHalf && leaf.size + after.size <= maxSize);
}

/**
 * The leaves of entries that are too large for one: region after region is halved until what is in it is at most `maxSize`, or one
 * entry. `around`: how many bits the first entry has in common with what is before, and the last with what follows; they lie in no
 * leaf together.
 */
export function cut(
  entries: Readonly<Entries>,
  maxSize: number,
  around: readonly [before: number, after: number],
): Leaf[] {
  const leaves: Leaf[] = [];
  const cutRun = (start: number, end: number, before: number, after: number) => {
    const first = entries[start]!;
    const common = commonBits(first, entries[end - 2]!);
    const outside = Math.max(before, after);
    const run = createLeaf("", 0, entries.slice(start, end));
    if (common > outside && (run.size <= maxSize || end - start === 2)) {
      run.depth = outside + 1;
      run.id = run.from = lowestLike(first, run.depth);
      leaves.push(run);
      return;
    }
    const half = endOfRun(entries, [start, end], common);
    cutRun(start, half, before, common);
    cutRun(half, end, common, after);
  };
  cutRun(0, entries.length, ...around);
  return leaves;
}

/** Behind the entries that have more than so many bits in common with the first. */
function endOfRun(entries: Readonly<Entries>, [start, end]: readonly [number, number], common: number): number {
  const first = entries[start]!;
  let low = start / 2;
  for (let high = end / 2; low < high;) {
    const middle = (low + high) >>> 1;
    if (commonBits(first, entries[2 * middle]!) > common) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}
