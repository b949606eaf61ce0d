/**
 * A leaf of the tree: its keys and values in turn, by ascending key, and the same as bytes. One content, one text.
 * @module
 */
import { hashKey, prefixOf } from "./_key_hash.ts";
import { fromUtf8, utf8 } from "./_text.ts";

/** `["a", "1", "b", "2"]`: the values of `a` and `b`, keys ascending by code units. */
export type Entries = string[];

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

/** The entries of several leaves as those of one. */
export function mergedEntries(parts: readonly Entries[]): Entries {
  const pairs = parts.flatMap((part) => Array.from(pairsOf(part)));
  return pairs.sort(([a], [b]) => (a < b ? -1 : 1)).flat();
}

/** Each key with its value. */
export function* pairsOf(entries: Readonly<Entries>): Generator<[key: string, value: string]> {
  for (let index = 0; index < entries.length; index += 2) yield [entries[index]!, entries[index + 1]!];
}

/** The chunk of these entries: their JSON text in UTF-8. */
export function encodeChunk(entries: Readonly<Entries>): Uint8Array {
  return utf8(JSON.stringify(entries));
}

/** The inverse. @throws {TypeError} unless `chunk` is what {@linkcode encodeChunk} makes of entries that belong under `id`. */
export function decodeChunk(id: string, chunk: Uint8Array): Entries {
  const texts = parse(chunk);
  if (!isEntries(texts)) throw new TypeError(`chunk "${id}": expected a JSON list of keys and values`);
  for (let index = 0; index < texts.length; index += 2) {
    const key = texts[index]!;
    if (index > 0 && texts[index - 2]! >= key) throw new TypeError(`chunk "${id}": expected keys that ascend`);
    if (prefixOf(hashKey(key), id.length) !== id) throw new TypeError(`chunk "${id}": a key of another chunk is in it`);
  }
  return texts;
}

function isEntries(value: unknown): value is Entries {
  return Array.isArray(value) && value.length > 0 && value.length % 2 === 0 &&
    value.every((text) => typeof text === "string");
}

function parse(chunk: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(chunk));
  } catch {
    return undefined;
  }
}
