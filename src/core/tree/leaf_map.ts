/**
 * Texts under texts, cut into leaves that follow the contents cheaply and need not all be in memory.
 *
 * The keys are halved bit by bit ({@link ./text_bits.ts}). A *leaf* is at the largest region whose entries are small together, or are
 * only one; its id is the lowest text of that region. So the leaves depend on the entries alone, never on the order in which they
 * came; a change costs the leaf that it is in, a range of keys the leaves that it covers; and of no two leaves that are halves of one
 * region could one be made.
 *
 * Leaves are cut as they grow, and joined by {@linkcode LeafMap.tidy}, for which their neighbours must be there.
 *
 * @module
 */
import { invariant } from "../invariant.ts";
import { createLeaf, cut, entrySize, isInRegion, isWellPlaced, type KnownLeaf, type Leaf, placeOf } from "./leaf.ts";
import { LeafList, type Neighbour, NOT_LOADED, whole } from "./leaf_list.ts";
import type { ChunkNeed } from "../state_machine.ts";
import { commonBits, lowestLike } from "./text_bits.ts";

/** The map. Whoever uses a key sees to it that its leaf is loaded. */
export class LeafMap {
  readonly #maxSize: number;
  #isWhole = true;
  #leaves = new LeafList([whole()]);
  /** Ids of leaves that may not be what was last taken or loaded. */
  readonly #changed = new Set<string>();
  /** Ids of the leaves that were last taken or loaded. */
  readonly #known = new Set<string>();
  /** They have lost something, and may have to be joined with others. */
  readonly #shrunk = new Set<Leaf>();

  /** `maxSize`: of the texts of a leaf, in code units. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** The number of entries in memory. */
  get size(): number {
    return this.#leaves.all.reduce((size, { entries }) => size + entries.length / 2, 0);
  }

  /** Whether nothing can be missing: it was never told to forget anything. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether the entry of this key, if there is one, is in memory. */
  isLoaded(key: string): boolean {
    return this.#leaves.find(key) !== undefined;
  }

  get(key: string): string | undefined {
    const { entries } = this.#leafOf(key);
    const at = placeOf(entries, key);
    return entries[at] === key ? entries[at + 1] : undefined;
  }

  set(key: string, value: string): void {
    const leaf = this.#leafOf(key);
    if (!isInRegion(leaf, key)) return this.#addLeaf(leaf, key, value);
    const { entries } = leaf;
    const at = placeOf(entries, key);
    const before = entries[at] === key ? entries[at + 1]! : null;
    if (before === value) return;
    const growth = before === null ? entrySize(key, value) : value.length - before.length;
    if (before === null) entries.splice(at, 0, key, value);
    else entries[at + 1] = value;
    leaf.size += growth;
    this.#changed.add(leaf.id);
    if (growth < 0) this.#shrunk.add(leaf);
    if (leaf.size > this.#maxSize && entries.length > 2) this.#split(leaf);
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    const leaf = this.#leafOf(key);
    const at = placeOf(leaf.entries, key);
    if (leaf.entries[at] !== key) return false;
    const [, value] = leaf.entries.splice(at, 2);
    leaf.size -= entrySize(key, value!);
    this.#changed.add(leaf.id);
    this.#shrunk.add(leaf);
    return true;
  }

  /** The entries whose keys are not below `start`, ascending, as far as they are loaded; then where the next leaf would be. */
  *from(start: string): Generator<readonly [key: string, value: string], { readonly at: string } | null> {
    let leaf: Neighbour = this.#leaves.find(start) ?? NOT_LOADED;
    for (let at: string | null = start; at !== null;) {
      if (leaf === NOT_LOADED) return { at };
      const { entries, to } = leaf as Leaf;
      for (let i = placeOf(entries, start); i < entries.length; i += 2) yield [entries[i]!, entries[i + 1]!];
      leaf = this.#leaves.after(leaf as Leaf);
      at = to;
    }
    return null;
  }

  /** The last key below `key`, or `key` itself if that counts and is there; `null`: there is none; or what must be loaded to tell. */
  last(key: string, { orItself }: { readonly orItself: boolean }): string | null | ChunkNeed {
    if (!this.isLoaded(key)) return { at: key };
    for (let leaf: Leaf | null = this.#leafOf(key); leaf;) {
      const at = placeOf(leaf.entries, key);
      if (orItself && leaf.entries[at] === key) return key;
      if (at > 0) return leaf.entries[at - 2]!;
      const before = this.#leaves.before(leaf);
      if (before === NOT_LOADED) return { before: leaf.from };
      leaf = before;
    }
    return null;
  }

  /** Joins what belongs together. Gives the leaves that must be loaded for that; again after they are; none: done. */
  tidy(): readonly ChunkNeed[] {
    const needs: ChunkNeed[] = [];
    for (const leaf of [...this.#shrunk]) {
      needs.push(...this.#settle(leaf));
    }
    return needs;
  }

  /** The leaves that are not as they were at the last call, by ascending id; `null`: gone. {@linkcode tidy} comes before. */
  takeChanges(): (readonly [id: string, leaf: KnownLeaf | null])[] {
    invariant(this.#shrunk.size === 0, "leaves are joined before they are taken");
    const changes: (readonly [string, KnownLeaf | null])[] = [];
    for (const id of [...this.#changed].sort()) {
      const leaf = this.#leaves.find(id);
      if (leaf?.id === id && leaf.entries.length > 0) {
        changes.push([id, leaf]);
        this.#known.add(id);
      } else if (this.#known.delete(id)) changes.push([id, null]);
    }
    this.#changed.clear();
    return changes;
  }

  /** Whether the leaf of this id may not be what was last taken or loaded. */
  isChanged(id: string): boolean {
    return this.#changed.has(id);
  }

  /** All leaves in memory. */
  leaves(): readonly KnownLeaf[] {
    return this.#leaves.all.filter(({ entries }) => entries.length > 0);
  }

  /** Forgets everything: from now on nothing is in memory. */
  unload(): void {
    this.#clear([]);
    this.#isWhole = false;
  }

  /** Puts a leaf in memory. `next`: the id of the one that follows; `null`: it is the last. */
  load(known: KnownLeaf, { isFirst, next }: { readonly isFirst: boolean; readonly next: string | null }): void {
    if (this.isLoaded(known.id)) return;
    const leaf = createLeaf(known.id, known.depth, known.entries);
    if (isFirst) leaf.from = "";
    this.#leaves.insert(leaf, next);
    this.#known.add(leaf.id);
  }

  /** Replaces everything. @throws {TypeError} if these are not all the leaves of a map. */
  fill(all: readonly KnownLeaf[]): void {
    const leaves = all.map(({ id, depth, entries }) => createLeaf(id, depth, entries));
    leaves.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const [index, leaf] of leaves.entries()) {
      leaf.to = leaves[index + 1]?.id ?? null;
      if (index === 0) leaf.from = "";
    }
    for (const [index, leaf] of leaves.entries()) {
      if (isWellPlaced(leaf, [leaves[index - 1], leaves[index + 1]], this.#maxSize)) continue;
      throw new TypeError(`chunk ${JSON.stringify(leaf.id)}: is not one of this state`);
    }
    this.#clear(leaves.length > 0 ? leaves : [whole()]);
    for (const { id } of leaves) this.#known.add(id);
  }

  #clear(leaves: Leaf[]): void {
    this.#isWhole = true;
    this.#leaves = new LeafList(leaves);
    this.#changed.clear();
    this.#known.clear();
    this.#shrunk.clear();
  }

  #leafOf(key: string): Leaf {
    const leaf = this.#leaves.find(key);
    invariant(leaf !== undefined, `the chunk of ${JSON.stringify(key)} is loaded`);
    return leaf;
  }

  /** A key between two leaves' regions gets a leaf of its own. */
  #addLeaf(beside: Leaf, key: string, value: string): void {
    const { id, to } = beside;
    const isBefore = key < id;
    const common = Math.max(commonBits(key, id), isBefore || to === null ? -1 : commonBits(key, to));
    const added = createLeaf(lowestLike(key, common + 1), common + 1, [key, value]);
    this.#leaves.replace(beside, isBefore ? [added, beside] : [beside, added]);
    this.#changed.add(added.id);
  }

  #split(leaf: Leaf): void {
    const parts = cut(leaf.entries, this.#maxSize, [leaf.depth - 1, leaf.depth - 1]);
    for (const { id } of parts) this.#changed.add(id);
    this.#leaves.replace(leaf, parts);
    leaf.isGone = true;
    this.#shrunk.delete(leaf);
  }

  /** Joins a leaf with what it belongs together with. Gives what must be loaded for that. */
  #settle(leaf: Leaf): readonly ChunkNeed[] {
    let at: Leaf | null = leaf;
    while (at && !at.isGone && at.depth > 0) {
      const next: Leaf | null | readonly ChunkNeed[] = at.entries.length === 0 ? this.#remove(at) : this.#widen(at);
      if (isNeeds(next)) {
        this.#shrunk.add(at);
        return next;
      }
      this.#shrunk.delete(at);
      at = next;
    }
    if (at) this.#shrunk.delete(at);
    return [];
  }

  /** One step up: the leaf of the next larger region, if there is to be one. */
  #widen(leaf: Leaf): Leaf | null | readonly ChunkNeed[] {
    const common = leaf.depth - 1;
    const above = leaf.to === null ? -1 : commonBits(leaf.id, leaf.to);
    const before = above < common ? this.#leaves.before(leaf) : null;
    if (before === NOT_LOADED) return [{ before: leaf.from }];
    const below = before ? commonBits(before.id, leaf.id) : -1;
    if (above < common && below < common) return this.#rename(leaf, Math.max(above, below) + 1, before);
    const other = above === common ? this.#leaves.after(leaf) : before;
    if (other === NOT_LOADED) return [{ at: leaf.to! }];
    if (!other || other.depth !== leaf.depth || other.size + leaf.size > this.#maxSize) return null;
    return above === common ? this.#join(leaf, other) : this.#join(other, leaf);
  }

  #rename(leaf: Leaf, depth: number, before: Leaf | null): Leaf {
    this.#changed.add(leaf.id);
    leaf.depth = depth;
    leaf.id = lowestLike(leaf.id, depth);
    if (leaf.id < leaf.from) leaf.from = leaf.id;
    if (before) before.to = leaf.id;
    this.#changed.add(leaf.id);
    return leaf;
  }

  #join(left: Leaf, right: Leaf): Leaf {
    this.#changed.add(left.id).add(right.id);
    left.entries = left.entries.concat(right.entries);
    left.size += right.size;
    left.depth--;
    this.#drop(right);
    return left;
  }

  /** Gives the leaf that may now be widened. */
  #remove(leaf: Leaf): Leaf | null | readonly ChunkNeed[] {
    const [before, after] = [this.#leaves.before(leaf), this.#leaves.after(leaf)];
    if (before === NOT_LOADED || after === NOT_LOADED) {
      return [
        ...(before === NOT_LOADED ? [{ before: leaf.from }] : []),
        ...(after === NOT_LOADED ? [{ at: leaf.to! }] : []),
      ];
    }
    this.#changed.add(leaf.id);
    this.#drop(leaf);
    const isNearerAfter = after && (!before || commonBits(leaf.id, after.id) > commonBits(before.id, leaf.id));
    return isNearerAfter ? after : before;
  }

  #drop(leaf: Leaf): void {
    this.#leaves.remove(leaf);
    this.#shrunk.delete(leaf);
  }
}

function isNeeds(next: Leaf | null | readonly ChunkNeed[]): next is readonly ChunkNeed[] {
  return Array.isArray(next);
}
