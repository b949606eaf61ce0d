/**
 * Leaves of a {@linkcode LeafMap}: each holds the entries of one region of keys. A leaf that grows too large is split.
 * @module
 */
import { commonBits, lowestInRegion } from "./text_bits.ts";

/** Keys and values in turn, by ascending key (in code units): `["a", "1", "b", "2"]` maps `a` to `1` and `b` to `2`. */
export type Entries = string[];

/** Added to the size of each entry, so that entries with empty texts are not free. */
const ENTRY_SIZE = 8;

/** A leaf: all entries of one region of keys. */
export interface Leaf {
  /** The lowest text of the region. */
  id: string;
  /** The number of leading bits that all texts of the region share. */
  depth: number;
  /**
   * The start of the range of keys that this leaf answers for; at most {@linkcode Leaf.id}. Empty for the first leaf.
   */
  from: string;
  /** The id of the next leaf; `null` for the last leaf. */
  to: string | null;
  entries: Entries;
  size: number;
  /** True once the leaf was split, merged into another leaf, or removed. */
  isRemoved: boolean;
}

/** The part of a leaf that is stored. */
export type LeafContent = Pick<Leaf, "id" | "depth" | "entries">;

/** Makes a leaf with these entries. The caller sets its place among the other leaves (`from` and `to`). */
export function createLeaf(id: string, depth: number, entries: Entries): Leaf {
  return { id, depth, from: id, to: null, entries, size: sizeOf(entries), isRemoved: false };
}

/** The size of entries: their code units plus a constant for each entry. */
export function sizeOf(entries: Readonly<Entries>): number {
  let size = entries.length / 2 * ENTRY_SIZE;
  for (const text of entries) size += text.length;
  return size;
}

/** The size of one entry, counted as in {@linkcode sizeOf}. */
export function entrySize(key: string, value: string): number {
  return key.length + value.length + ENTRY_SIZE;
}

/** The index of `key` in `entries`, or the index at which it would be inserted. Always even. */
export function indexOfKey(entries: Readonly<Entries>, key: string): number {
  let low = 0;
  for (let high = entries.length / 2; low < high;) {
    const middle = (low + high) >>> 1;
    if (entries[2 * middle]! < key) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

/** Whether a key lies in the leaf's region. */
export function isInRegion({ id, depth }: Pick<Leaf, "id" | "depth">, key: string): boolean {
  return commonBits(id, key) >= depth;
}

/** Whether a leaf is the one that the definition in {@link ./leaf_map.ts} prescribes between these two neighbours. */
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
    leaf.id === lowestInRegion(leaf.entries[0]!, leaf.depth) && isInRegion(leaf, leaf.entries.at(-2)!) &&
    (leaf.size <= maxSize || leaf.entries.length === 2) &&
    !(isFirstHalf && leaf.size + after.size <= maxSize);
}

/**
 * Splits entries that are too large for one leaf. It halves regions until the entries of each have at most `maxSize`,
 * or are a single entry.
 * `around`: how many bits the first entry shares with the entry before it, and the last with the entry after it. Those
 * two belong to other leaves.
 */
export function splitEntries(
  entries: Readonly<Entries>,
  maxSize: number,
  around: readonly [before: number, after: number],
): Leaf[] {
  const leaves: Leaf[] = [];
  const splitRun = (start: number, end: number, before: number, after: number) => {
    const first = entries[start]!;
    const common = commonBits(first, entries[end - 2]!);
    const outside = Math.max(before, after);
    const run = createLeaf("", 0, entries.slice(start, end));
    if (common > outside && (run.size <= maxSize || end - start === 2)) {
      run.depth = outside + 1;
      run.id = run.from = lowestInRegion(first, run.depth);
      leaves.push(run);
      return;
    }
    const half = endOfRun(entries, [start, end], common);
    splitRun(start, half, before, common);
    splitRun(half, end, common, after);
  };
  splitRun(0, entries.length, ...around);
  return leaves;
}

/** The index behind the entries that share more than `common` bits with the first one. */
export function endOfRun(entries: Readonly<Entries>, [start, end]: readonly [number, number], common: number): number {
  const first = entries[start]!;
  let low = start / 2;
  for (let high = end / 2; low < high;) {
    const middle = (low + high) >>> 1;
    if (commonBits(first, entries[2 * middle]!) > common) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}
