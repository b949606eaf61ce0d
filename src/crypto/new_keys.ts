/**
 * Keys that this process has made itself. Nobody can have signed anything with them elsewhere before, so a replica whose key is one of
 * these has said nothing yet, and an empty store is right for it. That holds for its first store only.
 * @module
 */

/** So many are remembered; the oldest is forgotten for a newer one. */
const MAX_KEYS = 1_024;
const unused = new Set<string>();

/** Remembers a public key whose private key has just been made here. */
export function noteNewKey(publicKey: string): void {
  if (unused.size >= MAX_KEYS) unused.delete(unused.values().next().value!);
  unused.add(publicKey);
}

/** Whether this process has made the key, and no replica has used it so far. */
export function isNewKey(publicKey: string): boolean {
  return unused.has(publicKey);
}

/** A replica uses the key from now on. */
export function useKey(publicKey: string): void {
  unused.delete(publicKey);
}
