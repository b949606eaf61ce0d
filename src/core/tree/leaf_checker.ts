/**
 * Whether leaves are those of one map, checked one by one.
 * @module
 */
import { createLeaf, isWellPlaced, type Leaf, type LeafContent } from "./leaf.ts";

/** Checks the leaves of a map, by ascending id. */
export class LeafChecker {
  readonly #maxSize: number;
  #before: Leaf | undefined;
  #leaf: Leaf | undefined;

  /** `maxSize`: that of the map. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** The next leaf. @throws {TypeError} if the one before it is not one of such a map. */
  next({ id, depth, entries }: LeafContent): void {
    this.#place(createLeaf(id, depth, entries));
  }

  /** There are no more. @throws {TypeError} if the last one is not one of such a map. */
  end(): void {
    this.#place(undefined);
  }

  #place(after: Leaf | undefined): void {
    const leaf = this.#leaf;
    if (leaf && !isWellPlaced(leaf, [this.#before, after], this.#maxSize)) {
      throw new TypeError(`chunk ${JSON.stringify(leaf.id)}: is not one of this state`);
    }
    [this.#before, this.#leaf] = [leaf, after];
  }
}
