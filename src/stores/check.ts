/**
 * Checks of arguments that all stores share, so that each store refuses them with the same error.
 * @module
 */
import type { Version } from "../node/ports.ts";

/** Checks a value to be written. @throws {TypeError} if it is neither bytes nor `null`. */
export function checkValue(kind: "record" | "blob", key: string, value: unknown): Uint8Array | null {
  if (value === null || value instanceof Uint8Array) return value;
  throw new TypeError(`${kind} ${JSON.stringify(key)}: expected a Uint8Array or null, got ${typeof value}`);
}

/** Checks an expected version. @throws {RangeError} if it is not a version. */
export function checkVersion(expected: Version): void {
  if (Number.isSafeInteger(expected) && expected >= 0) return;
  throw new RangeError(`expected version: expected an integer from 0 to 2^53 - 1, got ${expected}`);
}

/** The error of a call on a closed store. */
export function closedError(call: "load" | "read" | "commit" | "version" | "setAside"): TypeError {
  return new TypeError(`${call}: expected an open store, got one that has been closed`);
}
