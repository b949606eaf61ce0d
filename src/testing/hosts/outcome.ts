/**
 * Compares the outcome of a store's call with the expected one.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import { type Loaded, StoreConflictError } from "../../node/ports.ts";

/** A value, or the error that was thrown. */
export type Outcome<T> = PromiseSettledResult<T>;

/** Calls, and catches an error. */
export function outcomeOf<T>(call: () => T): Outcome<T> {
  try {
    return { status: "fulfilled", value: call() };
  } catch (reason) {
    return { status: "rejected", reason };
  }
}

/** The difference between two outcomes of one call, for people; `null`: none. */
export function differenceOf<T>(expected: Outcome<T>, got: Outcome<T>): string | null {
  if (expected.status === "fulfilled" && got.status === "fulfilled") return between(expected.value, got.value);
  const [one, other] = [wordsOf(expected), wordsOf(got)];
  return one === other ? null : `expected ${one}, got ${other}`;
}

function wordsOf(outcome: Outcome<unknown>): string {
  if (outcome.status === "fulfilled") return "that it is done";
  const { reason } = outcome;
  return reason instanceof StoreConflictError
    // The version in a conflict may be older than the version there is by now.
    ? `a conflict, expected ${reason.expected}, found another`
    : `${reason}`;
}

function between(expected: unknown, got: unknown): string | null {
  if (Array.isArray(expected)) return betweenLists(expected, got as readonly (Uint8Array | null)[]);
  if (typeof expected === "object" && expected !== null && got !== null) {
    return betweenLoaded(expected as Loaded, got as Loaded);
  }
  return expected === got ? null : `expected ${wordsOfLook(expected)}, got ${wordsOfLook(got)}`;
}

/** What a look for a newer version gives. */
function wordsOfLook(value: unknown): string {
  if (value === null) return "nothing newer";
  return typeof value === "object" ? `version ${(value as Loaded).version}` : `${value}`;
}

function betweenLoaded(expected: Loaded, got: Loaded): string | null {
  if (expected.version !== got.version) return `expected version ${expected.version}, got ${got.version}`;
  for (const key of new Set([...expected.records.keys(), ...got.records.keys()])) {
    const [one, other] = [expected.records.get(key), got.records.get(key)];
    if (!isSame(one, other)) return `record ${key}: ${wordsOn(one, other)}`;
  }
  return null;
}

function betweenLists(
  expected: readonly (Uint8Array | null)[],
  got: readonly (Uint8Array | null)[],
): string | null {
  if (expected.length !== got.length) return `expected ${expected.length} blobs, got ${got.length}`;
  const at = expected.findIndex((one, i) => !isSame(one, got[i]));
  return at < 0 ? null : `blob ${at} of ${got.length}: ${wordsOn(expected[at], got[at])}`;
}

function wordsOn(expected: Uint8Array | null | undefined, got: Uint8Array | null | undefined): string {
  const isOther = expected && got && expected.length === got.length;
  return `expected ${sizeOf(expected)}, got ${isOther ? "others" : sizeOf(got)}`;
}

function sizeOf(bytes: Uint8Array | null | undefined): string {
  return bytes ? `${bytes.length} bytes` : "nothing";
}

function isSame(one: Uint8Array | null | undefined, other: Uint8Array | null | undefined): boolean {
  if (!one || !other) return !one && !other;
  return equalBytes(one, other);
}
