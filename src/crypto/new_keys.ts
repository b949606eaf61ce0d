/**
 * Keys that this process generated itself. Nobody can have signed with such a key before, so its replica has not voted yet and
 * may start on an empty store. This holds for its first store only.
 * @module
 */

/** At most this many keys are remembered. A newer one replaces the oldest. */
const MAX_KEYS = 1_024;
const unused = new Set<string>();

/** Remembers a public key whose private key was just generated in this process. */
export function noteNewKey(publicKey: string): void {
  if (unused.size >= MAX_KEYS) unused.delete(unused.values().next().value!);
  unused.add(publicKey);
}

/** Whether this process generated the key and no replica has used it yet. */
export function isNewKey(publicKey: string): boolean {
  return unused.has(publicKey);
}

/** Notes that a replica uses the key from now on. */
export function useKey(publicKey: string): void {
  unused.delete(publicKey);
}
