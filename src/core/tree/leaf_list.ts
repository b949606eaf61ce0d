/**
 * The list of the leaves in memory, by ascending id, which knows for each leaf whether its neighbours are in memory
 * too.
 * @module
 */
import { createLeaf, type Leaf } from "./leaf.ts";

/** Says that a neighbour exists but is not in memory. */
export const NOT_LOADED = "not loaded";

/** The leaf beside another one; `null` if there is none. */
export type Neighbour = Leaf | null | typeof NOT_LOADED;

/** The leaves in memory, by ascending id. */
export class LeafList {
  #leaves: Leaf[];

  /** Starts with these leaves. An empty list means that no part of the map is in memory. */
  constructor(leaves: Leaf[]) {
    this.#leaves = leaves;
  }

  /** All leaves in memory. */
  get all(): readonly Leaf[] {
    return this.#leaves;
  }

  /** The leaf that answers for this key; `undefined` if that leaf is not in memory. */
  find(key: string): Leaf | undefined {
    const leaf = this.#leaves[this.#indexOf(key)];
    return leaf && (leaf.to === null || key < leaf.to) ? leaf : undefined;
  }

  /** The leaf before this one. */
  before({ id, from }: Leaf): Neighbour {
    if (from === "") return null;
    const before = this.#leaves[this.#indexOf(from) - 1];
    return before?.to === id ? before : NOT_LOADED;
  }

  /** The leaf after this one. */
  after({ from, to }: Leaf): Neighbour {
    if (to === null) return null;
    const after = this.#leaves[this.#indexOf(from) + 1];
    return after?.id === to ? after : NOT_LOADED;
  }

  /**
   * Inserts a leaf that was loaded. `isFirst` and `next` are its place among the stored leaves. While a checkpoint is stored in
   * slices, some of these have been removed already, and those that take their places are not there yet. The latter are in
   * memory, so leaves in memory count more.
   */
  insert(leaf: Leaf, { isFirst, next }: { readonly isFirst: boolean; readonly next: string | null }): void {
    const at = this.#indexOf(leaf.id) + 1;
    const after = this.#leaves[at];
    if (isFirst && at === 0) leaf.from = "";
    leaf.to = after && (next === null || after.from <= next) ? after.id : next;
    this.#leaves.splice(at, 0, leaf);
  }

  /** Replaces a leaf by one or more leaves and links them to its neighbours. */
  replace(leaf: Leaf, leaves: readonly Leaf[]): void {
    const before = this.before(leaf);
    const { from, to } = leaf;
    const at = this.#indexOf(from);
    for (const [i, part] of leaves.entries()) {
      part.from = i === 0 ? from : part.id;
      part.to = leaves[i + 1]?.id ?? to;
    }
    if (before !== null && before !== NOT_LOADED) before.to = leaves[0]!.id;
    this.#leaves.splice(at, 1, ...leaves);
  }

  /**
   * Removes a leaf. The leaf before it takes over its range of keys; if it was the first leaf, the one after it does.
   */
  remove(leaf: Leaf): void {
    const [before, after] = [this.before(leaf), this.after(leaf)];
    this.#leaves.splice(this.#indexOf(leaf.from), 1);
    leaf.isRemoved = true;
    if (before !== null && before !== NOT_LOADED) before.to = leaf.to;
    else if (before === null && after !== null && after !== NOT_LOADED) after.from = "";
    if (before === null && after === null) this.#leaves = [emptyLeaf()];
  }

  /** The index of the last leaf with `from` <= `key`; -1 if there is none. */
  #indexOf(key: string): number {
    let low = 0;
    for (let high = this.#leaves.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#leaves[middle]!.from <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The only leaf of an empty map. */
export function emptyLeaf(): Leaf {
  return createLeaf("", 0, []);
}
