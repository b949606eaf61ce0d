/**
 * A map from texts to texts. Its entries are split into leaves, of which only some need to be in memory, and a change
 * to an entry changes only few leaves.
 *
 * The space of keys is halved bit by bit ({@link ./text_bits.ts}). A *leaf* holds the largest region whose entries
 * together fit into the maximum size, or which has a single entry. The leaf's id is the lowest text of that region.
 * This has three consequences:
 *
 * - The leaves depend on the entries alone and not on the order in which the entries came.
 * - A change to one key costs one leaf; a change to a range of keys costs the leaves in that range.
 * - Two leaves that are the halves of one region never fit into one leaf.
 *
 * A leaf is split as soon as it is too large. Leaves that have become small are merged by
 * {@linkcode LeafMap.mergeLeaves}, which needs their neighbours in memory.
 *
 * @module
 */
import { invariant } from "../invariant.ts";
import { ChangedKeys } from "./changed_keys.ts";
import { createLeaf, entrySize, indexOfKey, isInRegion, type Leaf, type LeafContent, splitEntries } from "./leaf.ts";
import { emptyLeaf, LeafList, type Neighbour, NOT_LOADED } from "./leaf_list.ts";
import { LeafChecker } from "./leaf_checker.ts";
import type { ChunkNeed } from "../state_machine.ts";
import { commonBits, lowestInRegion } from "./text_bits.ts";

/** The map. Before its caller reads or writes a key, it must make sure that the key's leaf is loaded. */
export class LeafMap {
  readonly #maxSize: number;
  #isWhole = true;
  #leaves = new LeafList([emptyLeaf()]);
  /** The leaves that may differ from their last taken or loaded form. A leaf is touched before it changes. */
  readonly #changed = new ChangedKeys<LeafContent | null>((id) => this.#copyOf(id));
  /** Ids of the leaves that were last taken or loaded. */
  readonly #known = new Set<string>();
  /** Leaves that have become smaller and may have to be merged. */
  readonly #shrunk = new Set<Leaf>();

  /** `maxSize`: the most code units in one leaf, counted by {@linkcode sizeOf}. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** The number of entries in memory. */
  get size(): number {
    return this.#leaves.all.reduce((size, { entries }) => size + entries.length / 2, 0);
  }

  /** Whether all entries are in memory: nothing was ever unloaded. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether the leaf of this key is in memory, so that an absent entry is known to be absent. */
  isLoaded(key: string): boolean {
    return this.#leaves.find(key) !== undefined;
  }

  get(key: string): string | undefined {
    const { entries } = this.#leafOf(key);
    const at = indexOfKey(entries, key);
    return entries[at] === key ? entries[at + 1] : undefined;
  }

  set(key: string, value: string): void {
    const leaf = this.#leafOf(key);
    if (!isInRegion(leaf, key)) return this.#addLeaf(leaf, key, value);
    const { entries } = leaf;
    const at = indexOfKey(entries, key);
    const before = entries[at] === key ? entries[at + 1]! : null;
    if (before === value) return;
    const growth = before === null ? entrySize(key, value) : value.length - before.length;
    this.#changed.touch(leaf.id);
    if (before === null) entries.splice(at, 0, key, value);
    else entries[at + 1] = value;
    leaf.size += growth;
    if (growth < 0) this.#shrunk.add(leaf);
    if (leaf.size > this.#maxSize && entries.length > 2) this.#split(leaf);
  }

  /** Deletes an entry. Returns whether it existed. */
  delete(key: string): boolean {
    const leaf = this.#leafOf(key);
    const at = indexOfKey(leaf.entries, key);
    if (leaf.entries[at] !== key) return false;
    this.#changed.touch(leaf.id);
    const [, value] = leaf.entries.splice(at, 2);
    leaf.size -= entrySize(key, value!);
    this.#shrunk.add(leaf);
    return true;
  }

  /**
   * Yields the entries with keys >= `start`, ascending, until a leaf is not loaded. Returns the key of that leaf, or
   * `null` at the end of the map.
   */
  *from(start: string): Generator<readonly [key: string, value: string], { readonly at: string } | null> {
    let leaf: Neighbour = this.#leaves.find(start) ?? NOT_LOADED;
    for (let at: string | null = start; at !== null;) {
      if (leaf === NOT_LOADED) return { at };
      const { entries, to } = leaf as Leaf;
      for (let i = indexOfKey(entries, start); i < entries.length; i += 2) yield [entries[i]!, entries[i + 1]!];
      leaf = this.#leaves.after(leaf as Leaf);
      at = to;
    }
    return null;
  }

  /**
   * The last key below `key`; with `orItself`, `key` itself if it exists. `null`: there is no such key. Otherwise: the
   * leaf that must be loaded first.
   */
  last(key: string, { orItself }: { readonly orItself: boolean }): string | null | ChunkNeed {
    if (!this.isLoaded(key)) return { at: key };
    for (let leaf: Leaf | null = this.#leafOf(key); leaf;) {
      const at = indexOfKey(leaf.entries, key);
      if (orItself && leaf.entries[at] === key) return key;
      if (at > 0) return leaf.entries[at - 2]!;
      const before = this.#leaves.before(leaf);
      if (before === NOT_LOADED) return { before: leaf.from };
      leaf = before;
    }
    return null;
  }

  /**
   * Merges leaves that have become small. Returns the leaves that must be loaded for that; call it again when they are.
   * An empty list: done.
   */
  mergeLeaves(): readonly ChunkNeed[] {
    const needs: ChunkNeed[] = [];
    for (const leaf of [...this.#shrunk]) {
      needs.push(...this.#mergeUp(leaf));
    }
    return needs;
  }

  /**
   * The leaves that changed since the last call, by ascending id; `null` for a leaf that no longer exists. Call
   * {@linkcode mergeLeaves} first. Frozen leaves that were not given yet are among them, as they are now.
   */
  takeChanges(): (readonly [id: string, leaf: LeafContent | null])[] {
    const changes = this.peekChanges();
    for (const [id, leaf] of changes) leaf ? this.#known.add(id) : this.#known.delete(id);
    this.#changed.clear();
    return changes;
  }

  /** What {@linkcode takeChanges} would give. */
  peekChanges(): (readonly [id: string, leaf: LeafContent | null])[] {
    invariant(this.#shrunk.size === 0, "internal", "leaves are joined before they are taken");
    return this.#changed.keys().flatMap((id) => {
      const leaf = this.#at(id);
      return leaf || this.#known.has(id) ? [[id, leaf] as const] : [];
    });
  }

  /**
   * Takes the changes as {@linkcode takeChanges} does, but gives them later, one by one ({@linkcode nextFrozen}), as
   * they are now. Meanwhile the map may change. All that were frozen before must have been given.
   */
  freeze(): void {
    invariant(this.#shrunk.size === 0, "internal", "leaves are joined before they are frozen");
    invariant(this.#changed.frozen === 0, "internal", "frozen leaves are given before others are frozen");
    this.#changed.freeze();
  }

  /** At most how many frozen leaves are still to be given. */
  get frozen(): number {
    return this.#changed.frozen;
  }

  /** The next frozen leaf; `null` in its place if it did not exist any more. `null`: all were given. */
  nextFrozen(): readonly [id: string, leaf: LeafContent | null] | null {
    for (let next = this.#changed.next(); next; next = this.#changed.next()) {
      const [id, leaf] = next;
      if (leaf) this.#known.add(id);
      else if (!this.#known.delete(id)) continue;
      return next;
    }
    return null;
  }

  /** Whether the leaf with this id may differ from its last taken or loaded form. */
  isChanged(id: string): boolean {
    return this.#changed.has(id);
  }

  /** All leaves in memory that have entries. */
  leaves(): readonly LeafContent[] {
    return this.#leaves.all.filter(({ entries }) => entries.length > 0);
  }

  /** Removes all leaves from memory. They still exist and can be loaded. */
  unload(): void {
    this.#clear([]);
    this.#isWhole = false;
  }

  /** Puts a stored leaf in memory. `next`: the id of the stored leaf after it; `null` if it is the last. See {@linkcode LeafList.insert}. */
  load(known: LeafContent, place: { readonly isFirst: boolean; readonly next: string | null }): void {
    if (this.isLoaded(known.id)) return;
    this.#leaves.insert(createLeaf(known.id, known.depth, known.entries), place);
    this.#known.add(known.id);
  }

  /** Replaces the whole map. @throws {TypeError} if these leaves are not all the leaves of one map. */
  fill(all: readonly LeafContent[]): void {
    const leaves = all.map(({ id, depth, entries }) => createLeaf(id, depth, entries));
    leaves.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const [index, leaf] of leaves.entries()) {
      leaf.to = leaves[index + 1]?.id ?? null;
      if (index === 0) leaf.from = "";
    }
    const checker = new LeafChecker(this.#maxSize);
    for (const leaf of leaves) checker.next(leaf);
    checker.end();
    this.#clear(leaves.length > 0 ? leaves : [emptyLeaf()]);
    for (const { id } of leaves) this.#known.add(id);
  }

  /** Checks the leaves of such a map one by one, without keeping them. */
  checker(): LeafChecker {
    return new LeafChecker(this.#maxSize);
  }

  #clear(leaves: Leaf[]): void {
    this.#isWhole = true;
    this.#leaves = new LeafList(leaves);
    this.#changed.clear();
    this.#known.clear();
    this.#shrunk.clear();
  }

  /** The leaf with this id; `null` if there is none, or it has no entries. */
  #at(id: string): Leaf | null {
    const leaf = this.#leaves.find(id);
    return leaf?.id === id && leaf.entries.length > 0 ? leaf : null;
  }

  #copyOf(id: string): LeafContent | null {
    const leaf = this.#at(id);
    return leaf && { id, depth: leaf.depth, entries: leaf.entries.slice() };
  }

  #leafOf(key: string): Leaf {
    const leaf = this.#leaves.find(key);
    invariant(leaf !== undefined, "loading", `the chunk of ${JSON.stringify(key)} is loaded`);
    return leaf;
  }

  /** Adds a leaf for a key that lies between the regions of two leaves. */
  #addLeaf(beside: Leaf, key: string, value: string): void {
    const { id, to } = beside;
    const isBefore = key < id;
    const common = Math.max(commonBits(key, id), isBefore || to === null ? -1 : commonBits(key, to));
    const added = createLeaf(lowestInRegion(key, common + 1), common + 1, [key, value]);
    this.#changed.touch(added.id);
    this.#leaves.replace(beside, isBefore ? [added, beside] : [beside, added]);
  }

  #split(leaf: Leaf): void {
    const parts = splitEntries(leaf.entries, this.#maxSize, [leaf.depth - 1, leaf.depth - 1]);
    for (const { id } of parts) this.#changed.touch(id);
    this.#leaves.replace(leaf, parts);
    leaf.isRemoved = true;
    this.#shrunk.delete(leaf);
  }

  /**
   * Removes a leaf if it is empty, or merges it as far up as the definition of a leaf asks. Returns the leaves that
   * must be loaded for that.
   */
  #mergeUp(leaf: Leaf): readonly ChunkNeed[] {
    let at: Leaf | null = leaf;
    while (at && !at.isRemoved && at.depth > 0) {
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

  /** One step up: the leaf of the next larger region; `null` if that region must stay split. */
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
    const id = lowestInRegion(leaf.id, depth);
    this.#changed.touch(leaf.id);
    this.#changed.touch(id);
    leaf.depth = depth;
    leaf.id = id;
    if (leaf.id < leaf.from) leaf.from = leaf.id;
    if (before) before.to = leaf.id;
    return leaf;
  }

  #join(left: Leaf, right: Leaf): Leaf {
    this.#changed.touch(left.id);
    this.#changed.touch(right.id);
    left.entries = left.entries.concat(right.entries);
    left.size += right.size;
    left.depth--;
    this.#drop(right);
    return left;
  }

  /** Removes an empty leaf. Returns the neighbour that may now have a larger region. */
  #remove(leaf: Leaf): Leaf | null | readonly ChunkNeed[] {
    const [before, after] = [this.#leaves.before(leaf), this.#leaves.after(leaf)];
    if (before === NOT_LOADED || after === NOT_LOADED) {
      return [
        ...(before === NOT_LOADED ? [{ before: leaf.from }] : []),
        ...(after === NOT_LOADED ? [{ at: leaf.to! }] : []),
      ];
    }
    this.#changed.touch(leaf.id);
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
