/**
 * What every store asks of its callers, so that each refuses the same with the same words.
 * @module
 */
import type { Version } from "../node/ports.ts";

/** Passes a value to be written. @throws {TypeError} if it is neither bytes nor `null`. */
export function checkValue(kind: "record" | "blob", key: string, value: unknown): Uint8Array | null {
  if (value === null || value instanceof Uint8Array) return value;
  throw new TypeError(`${kind} ${JSON.stringify(key)}: expected a Uint8Array or null, got ${typeof value}`);
}

/** @throws {RangeError} if `expected` is not a version. */
export function checkVersion(expected: Version): void {
  if (Number.isSafeInteger(expected) && expected >= 0) return;
  throw new RangeError(`expected version: expected an integer from 0 to 2^53 - 1, got ${expected}`);
}

/** What the use of a closed store rejects with. */
export function closedError(call: "load" | "read" | "commit" | "version" | "setAside"): TypeError {
  return new TypeError(`${call}: expected an open store, got one that has been closed`);
}
