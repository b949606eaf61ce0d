/**
 * The leaves in memory, in order, and who is beside whom.
 * @module
 */
import { createLeaf, type Leaf } from "./leaf.ts";

/** Says that there is a leaf, which is not in memory. */
export const NOT_LOADED = "not loaded";

/** A leaf beside another; `null`: there is none. */
export type Neighbour = Leaf | null | typeof NOT_LOADED;

/** Leaves by ascending id. */
export class LeafList {
  #leaves: Leaf[];

  /** Without leaves, nothing is in memory. */
  constructor(leaves: Leaf[]) {
    this.#leaves = leaves;
  }

  /** All of them. */
  get all(): readonly Leaf[] {
    return this.#leaves;
  }

  /** The leaf that has this key, if the key is there; undefined: it is not in memory. */
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

  /** Puts a leaf in that comes from elsewhere. `to`: the id of the one after it, which may have been cut since. */
  insert(leaf: Leaf, to: string | null): void {
    const at = this.#indexOf(leaf.id) + 1;
    const after = this.#leaves[at];
    leaf.to = after && to !== null && after.from <= to ? after.id : to;
    this.#leaves.splice(at, 0, leaf);
  }

  /** Puts leaves, one or more, in the place of one; those around it get to know them. */
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

  /** Takes a leaf out. What it covered is the one's before it, or if it was the first, the one's after it. */
  remove(leaf: Leaf): void {
    const [before, after] = [this.before(leaf), this.after(leaf)];
    this.#leaves.splice(this.#indexOf(leaf.from), 1);
    leaf.isGone = true;
    if (before !== null && before !== NOT_LOADED) before.to = leaf.to;
    else if (before === null && after !== null && after !== NOT_LOADED) after.from = "";
    if (before === null && after === null) this.#leaves = [whole()];
  }

  /** Of the last leaf whose keys begin at `key` or below; -1: there is none. */
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

/** The leaf of an empty map. */
export function whole(): Leaf {
  return createLeaf("", 0, []);
}
