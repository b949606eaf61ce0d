/**
 * The bytes of a leaf of the key-value machine: a JSON array of its depth, then its keys and values in turn, by
 * ascending key. Equal leaves have equal bytes.
 * @module
 */
import type { Entries, LeafContent } from "../core/tree/leaf.ts";
import { isInRegion } from "../core/tree/leaf.ts";
import type { LeafMap } from "../core/tree/leaf_map.ts";
import type { ChunkChecker, FrozenChanges } from "../core/state_machine.ts";
import { fromUtf8, utf8 } from "./_text.ts";

/** The bytes of a leaf, for example `[17,"a","1","b","2"]` in UTF-8. */
export function encodeChunk({ depth, entries }: Omit<LeafContent, "id">): Uint8Array {
  return utf8(JSON.stringify([depth, ...entries]));
}

/** Leaves as chunks, by their ids. */
export function* encodedChunks(leaves: readonly LeafContent[]): Generator<readonly [id: string, chunk: Uint8Array]> {
  for (const leaf of leaves) yield [leaf.id, encodeChunk(leaf)];
}

/** Freezes the changed leaves of a map, whose leaves must be merged. */
export function freezeChunks(map: LeafMap): FrozenChanges {
  map.freeze();
  return {
    get size() {
      return map.frozen;
    },
    next() {
      const next = map.nextFrozen();
      return next && [next[0], next[1] && encodeChunk(next[1])];
    },
  };
}

/** Checks the chunks of such a map, one by one. */
export function chunkChecker(map: LeafMap): ChunkChecker {
  const leaves = map.checker();
  return { next: (id, chunk) => leaves.next(decodeChunk(id, chunk)), end: () => leaves.end() };
}

/** The inverse of {@linkcode encodeChunk}. @throws {TypeError} if `chunk` is not the bytes of a leaf with this id. */
export function decodeChunk(id: string, chunk: Uint8Array): LeafContent {
  const [depth, ...entries] = parse(chunk);
  const isDepth = Number.isSafeInteger(depth) && (depth as number) >= 0;
  if (!isDepth || !isEntries(entries)) {
    throw new TypeError(`chunk ${JSON.stringify(id)}: expected a JSON list of a depth, keys and values`);
  }
  const leaf = { id, depth: depth as number, entries };
  for (let index = 0; index < entries.length; index += 2) {
    const key = entries[index]!;
    if (index > 0 && entries[index - 2]! >= key) {
      throw new TypeError(`chunk ${JSON.stringify(id)}: expected keys that ascend`);
    }
    if (!isInRegion(leaf, key)) {
      throw new TypeError(`chunk ${JSON.stringify(id)}: a key of another chunk is in it`);
    }
  }
  return leaf;
}

function isEntries(values: readonly unknown[]): values is Entries {
  return values.length > 0 && values.length % 2 === 0 && values.every((text) => typeof text === "string");
}

function parse(chunk: Uint8Array): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(fromUtf8(chunk));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
