/**
 * A map of texts whose contents are also a set of chunks that follows them cheaply.
 *
 * The entries lie in a tree by the hexadecimal digits of a hash of the key. A *leaf* is at the shortest prefix whose entries
 * are small together (at most `MAX_LEAF_SIZE`), or are only one, or have the whole hash in common; its id is that
 * prefix. So the set of leaves depends on the entries alone, never on the order in which they came. A leaf's chunk is
 * the JSON text of its keys and values, by ascending key: `["a","1","b","2"]`.
 *
 * @module
 */
import { decodeChunk, encodeChunk, type Entries, mergedEntries, pairsOf, placeOf } from "./_chunk.ts";
import { hashKey, hexDigit, MAX_DEPTH, prefixOf } from "./_key_hash.ts";
import { fill, grow, isLeaf, leaf, type Place, sizeOf } from "./_place.ts";
import { SortedKeys } from "./_sorted_keys.ts";

/**
 * Entries with one hash share a leaf that can't be split, and whoever looks for such keys finds them; together they stay
 * below this size. Of millions of ordinary keys hardly three have one hash, and two entries of the largest size fit.
 */
const MAX_BUCKET_SIZE = 128 * 1024;
/** The keys of this hash take all the room that there is for one hash. */
export class BucketFullError extends Error {
  override name = "BucketFullError";
}

/** The map. Nothing that it gives out depends on its history. */
export class ChunkedMap {
  readonly #root: Place = leaf("", null);
  readonly #keys: SortedKeys = new SortedKeys();
  /** Ids whose chunk may not be what was last taken or restored. */
  readonly #changed = new Set<string>();
  /** Ids of the chunks that were last taken or restored. */
  readonly #known = new Set<string>();

  /** How many entries there are. */
  get size(): number {
    return this.#root.count;
  }

  get(key: string): string | undefined {
    const entries = this.#find(hashKey(key))?.entries;
    if (!entries) return undefined;
    const at = placeOf(entries, key);
    return entries[at] === key ? entries[at + 1] : undefined;
  }

  /** @throws {BucketFullError} and changes nothing, if too much has the key's hash. */
  set(key: string, value: string): void {
    const place = this.#findOrAdd(hashKey(key));
    const entries = place.entries!;
    const at = placeOf(entries, key);
    const isNew = entries[at] !== key;
    if (!isNew && entries[at + 1] === value) return;
    const growth = isNew ? sizeOf(key, value) : value.length - entries[at + 1]!.length;
    if (place.id.length === MAX_DEPTH && place.size + growth > MAX_BUCKET_SIZE) throw new BucketFullError();
    if (isNew) {
      entries.splice(at, 0, key, value);
      this.#keys.add(key);
    } else entries[at + 1] = value;
    this.#resize(place, growth, isNew ? 1 : 0);
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    const place = this.#find(hashKey(key));
    if (!place) return false;
    const entries = place.entries!;
    const at = placeOf(entries, key);
    if (entries[at] !== key) return false;
    const [, value] = entries.splice(at, 2);
    this.#keys.delete(key);
    this.#resize(place, -sizeOf(key, value!), -1);
    return true;
  }

  /** The keys that are not below `start` in code units, ascending. */
  keysFrom(start: string): Generator<string> {
    return this.#keys.from(start);
  }

  /** The chunks that are not as they were at the last call, by ascending id; `null`: gone. */
  takeChanges(): (readonly [id: string, chunk: Uint8Array | null])[] {
    const changes: (readonly [string, Uint8Array | null])[] = [];
    for (const id of [...this.#changed].sort()) {
      const place = this.#at(id);
      if (place) place.changed = false;
      if (place?.entries?.length) {
        changes.push([id, encodeChunk(place.entries)]);
        this.#known.add(id);
      } else if (this.#known.delete(id)) changes.push([id, null]);
    }
    this.#changed.clear();
    return changes;
  }

  /**
   * Puts chunks in place, `null`: removes one. {@linkcode takeChanges} comes before, so that what is here is known.
   * @throws {TypeError} if they, with those that stay, are not the chunks of a map; it is of no use then, unless a
   * chunk was bad in itself, which is found before anything changes.
   */
  restore(chunks: Iterable<readonly [id: string, chunk: Uint8Array | null]>): void {
    const restored = new Map(Array.from(chunks, ([id, chunk]) => [id, chunk && decodeChunk(id, chunk)]));
    for (const id of restored.keys()) this.#vacate(id);
    const wasEmpty = this.size === 0;
    for (const [id, entries] of restored) if (entries) this.#occupy(id, entries);
    const keys = [...restored.values()].flatMap((entries) => entries?.filter((_, index) => index % 2 === 0) ?? []);
    if (wasEmpty) this.#keys.fill(keys);
    else for (const key of keys) this.#keys.add(key);
    for (const [id, entries] of restored) {
      this.#tidy(id);
      if (entries) this.#known.add(id);
      else this.#known.delete(id);
    }
  }

  #find(hash: number): Place | undefined {
    let place: Place | undefined = this.#root;
    for (let depth = 0; place?.children; depth++) place = place.children[hexDigit(hash, depth)];
    return place;
  }

  #findOrAdd(hash: number): Place {
    let place = this.#root;
    for (let depth = 0; place.children; depth++) {
      place = place.children[hexDigit(hash, depth)] ??= leaf(prefixOf(hash, depth + 1), place);
    }
    return place;
  }

  #at(id: string): Place | undefined {
    let place: Place | undefined = this.#root;
    for (let depth = 0; depth < id.length; depth++) place = place?.children?.[parseInt(id[depth]!, 16)];
    return place;
  }

  /** Makes up the totals after a change in a leaf, and the tree that belongs to them. */
  #resize(changed: Place, growth: number, added: number): void {
    this.#mark(changed);
    const merged = grow(changed, growth, added);
    if (merged) this.#merge(merged);
    else if (!isLeaf(changed)) this.#split(changed);
  }

  #mark(place: Place): void {
    if (place.changed) return;
    place.changed = true;
    this.#changed.add(place.id);
  }

  #split(place: Place): void {
    const parts: Entries[] = Array.from({ length: 16 }, () => []);
    for (const [key, value] of pairsOf(place.entries!)) {
      parts[hexDigit(hashKey(key), place.id.length)]!.push(key, value);
    }
    place.entries = null;
    place.children = parts.map((entries, digit) => {
      if (entries.length === 0) return undefined;
      const child = leaf(place.id + digit.toString(16), place);
      fill(child, entries);
      this.#mark(child);
      if (!isLeaf(child)) this.#split(child);
      return child;
    });
  }

  #merge(place: Place): void {
    const parts: Entries[] = [];
    const gather = (from: Place) => {
      for (const child of from.children!) {
        if (!child) continue;
        this.#mark(child);
        if (child.entries) parts.push(child.entries);
        else gather(child);
      }
    };
    gather(place);
    place.children = null;
    place.entries = mergedEntries(parts);
    this.#mark(place);
  }

  /** Empties the leaf of this id, if there is one. */
  #vacate(id: string): void {
    const place = this.#at(id);
    if (!place?.entries) return;
    for (const [key] of pairsOf(place.entries)) this.#keys.delete(key);
    place.entries = [];
    grow(place, -place.size, -place.count);
  }

  /** Makes a leaf of this id. */
  #occupy(id: string, entries: Entries): void {
    let place = this.#root;
    for (let depth = 0; depth < id.length; depth++) {
      if (place.entries) {
        if (place.count > 0) throw notOfThisState(id);
        place.entries = null;
        place.children = Array(16).fill(undefined);
      }
      place = place.children![parseInt(id[depth]!, 16)] ??= leaf(id.slice(0, depth + 1), place);
    }
    if (place.count > 0) throw notOfThisState(id);
    place.children = null;
    fill(place, entries);
    const { size, count } = place;
    if (place.parent) grow(place.parent, size, count);
  }

  /** Makes leaves of the branches that {@linkcode ChunkedMap.restore} has left empty on the way to this id, and checks the others. */
  #tidy(id: string): void {
    let place = this.#root;
    for (let depth = 0; place.children && depth < id.length; depth++) {
      const child = place.children[parseInt(id[depth]!, 16)];
      if (!child) break;
      place = child;
    }
    for (let at: Place | null = place; at; at = at.parent) {
      if (at.count === 0) [at.entries, at.children] = [[], null];
      else if (isLeaf(at) !== (at.entries !== null)) throw notOfThisState(id);
    }
  }
}

function notOfThisState(id: string): TypeError {
  return new TypeError(`chunk "${id}": is not one of this state`);
}
