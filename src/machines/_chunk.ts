/**
 * A leaf of the key-value machine as a chunk: the JSON text of its depth, then its keys and values in turn, by ascending key. One
 * content, one text.
 * @module
 */
import type { Entries, LeafContent } from "../core/tree/leaf.ts";
import { isInRegion } from "../core/tree/leaf.ts";
import { fromUtf8, utf8 } from "./_text.ts";

/** The chunk of a leaf: `[17,"a","1","b","2"]`, as UTF-8. */
export function encodeChunk({ depth, entries }: Omit<LeafContent, "id">): Uint8Array {
  return utf8(JSON.stringify([depth, ...entries]));
}

/** The inverse. @throws {TypeError} unless `chunk` is what {@linkcode encodeChunk} makes of a leaf with this id. */
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
