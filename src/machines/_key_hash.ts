/**
 * Where a key lies in the tree: part of what replicas must agree on, as it decides what the chunks are.
 * @module
 */

/** Hexadecimal digits in a hash. */
export const MAX_DEPTH = 8;

/** FNV-1a over the code units and the finish of MurmurHash3: an unsigned 32-bit number. */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The digit at `depth`, from the left: 0 to 15. */
export function hexDigit(hash: number, depth: number): number {
  return (hash >>> (28 - 4 * depth)) & 15;
}

/** The first `length` digits. */
export function prefixOf(hash: number, length: number): string {
  return hash.toString(16).padStart(MAX_DEPTH, "0").slice(0, length);
}
