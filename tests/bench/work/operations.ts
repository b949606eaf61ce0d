/**
 * The operations of the callers.
 * @module
 */

/** The keys that writes and reads are spread over. */
const KEYS = 10_000;
/** Coprime to {@linkcode KEYS}: neighbours in time are none in the order of keys. */
const STRIDE = 7_919;

let counter = 0;

/** The next of the keys. */
export function nextKey(): string {
  return `key-${counter++ * STRIDE % KEYS}`;
}

/** A SET of so many bytes. */
export function setOperation(key: string, bytes: number): { readonly op: "set"; readonly key: string; value: string } {
  const operation = { op: "set", key, value: "" } as const;
  return { ...operation, value: "v".repeat(Math.max(0, bytes - JSON.stringify(operation).length)) };
}
