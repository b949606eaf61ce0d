/**
 * A stand-in for `jsr:@std/assert`, thin over `node:assert`: see `tests/std/README.md`.
 * @module
 */
import { deepStrictEqual } from "node:assert";
import { equal } from "./equal.ts";

export { equal };

/** What a failed assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** A class, abstract ones too. */
// deno-lint-ignore no-explicit-any
type Class<T> = abstract new (...args: any[]) => T;

function failed(what: string, msg?: string, details = ""): never {
  throw new AssertionError(`${what}${msg ? `: ${msg}` : "."}${details}`);
}

function show(value: unknown): string {
  return Deno.inspect(value, { depth: 10, sorted: true, trailingComma: true, compact: false, iterableLimit: 200 });
}

/** `node:assert`'s diff; both values in full where it sees no difference. */
function difference(actual: unknown, expected: unknown): string {
  try {
    deepStrictEqual(actual, expected);
  } catch (error) {
    return `\n${(error as Error).message}\n`;
  }
  return `\nactual: ${show(actual)}\nexpected: ${show(expected)}\n`;
}

export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

export function assertFalse(expr: unknown, msg = ""): asserts expr is false | 0 | 0n | "" | null | undefined {
  if (expr) throw new AssertionError(msg);
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) failed("Values are not equal", msg, difference(actual, expected));
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) failed(`Expected actual: ${show(actual)} not to be: ${show(expected)}`, msg);
}

export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  if (!equal(actual, expected)) failed("Values are not strictly equal", msg, difference(actual, expected));
  failed("Values have the same structure but are not reference-equal", msg, `\n${show(actual)}\n`);
}

export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) failed(`Expected "actual" to not be strictly equal to: ${show(actual)}`, msg);
}

export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) failed(`Expected actual: "${actual}" to not be null or undefined`, msg);
}

export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(expected - actual) <= allowed) return;
  failed(`Expected actual: "${actual}" to be close to "${expected}", within ${allowed}`, msg);
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw new AssertionError(msg ?? `Expect ${show(actual)} > ${show(expected)}`);
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) throw new AssertionError(msg ?? `Expect ${show(actual)} >= ${show(expected)}`);
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw new AssertionError(msg ?? `Expect ${show(actual)} < ${show(expected)}`);
}

export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) throw new AssertionError(msg ?? `Expect ${show(actual)} <= ${show(expected)}`);
}

export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) failed(`Expected actual: "${actual}" to contain: "${expected}"`, msg);
}

export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) failed(`Expected actual: "${actual}" to match: "${expected}"`, msg);
}

export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) failed(`Expected actual: "${actual}" to not match: "${expected}"`, msg);
}

export function assertArrayIncludes<T>(
  actual: ArrayLike<T> & object,
  expected: ArrayLike<T> & object,
  msg?: string,
): void {
  const there = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) => !there.some((value) => equal(value, wanted)));
  if (missing.length > 0) failed(`Expected actual: ${show(actual)} to include`, msg, `\nmissing: ${show(missing)}`);
}

/** `actual` holds all that `expected` says, at any depth; what else it holds does not count. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(keepWhatIsIn(actual, expected), expected, msg);
}

/** `actual` without what `expected` does not name; returned as it is where the two cannot be compared by name. */
function keepWhatIsIn(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.slice(0, expected.length).map((value, i) => keepWhatIsIn(value, expected[i]));
  }
  if (actual instanceof Map && expected instanceof Map) {
    const kept = [...actual].filter(([key]) => expected.has(key));
    return new Map(kept.map(([key, value]) => [key, keepWhatIsIn(value, expected.get(key))]));
  }
  if (actual instanceof Set && expected instanceof Set) return actual.intersection(expected);
  if (!isObject(actual) || !isLiteral(expected)) return actual;
  const kept: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(expected)) {
    if (key in actual) kept[key] = keepWhatIsIn(Reflect.get(actual, key), Reflect.get(expected, key));
  }
  return kept;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isLiteral(value: unknown): value is object {
  return isObject(value) && Object.getPrototypeOf(value) === Object.prototype;
}

export function assertInstanceOf<T extends Class<unknown>>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const name = (actual as object | null)?.constructor?.name ?? String(actual);
  failed(`Expected object to be an instance of "${expectedType.name}" but was "${name}"`, msg);
}

export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: Class<T>,
  msg?: string,
): asserts actual is Exclude<A, T> {
  if (actual instanceof unexpectedType) {
    failed(`Expected object to not be an instance of "${unexpectedType.name}"`, msg);
  }
}

export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: Class<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) failed(`Expected "error" to be an Error object`, msg);
  if (ErrorClass && !(error instanceof ErrorClass)) {
    failed(`Expected error to be instance of "${ErrorClass.name}", but was "${error.constructor.name}"`, msg);
  }
  if (msgMatches === undefined || msgMatches === "") return;
  const matches = typeof msgMatches === "string" ? error.message.includes(msgMatches) : msgMatches.test(error.message);
  if (!matches) failed(`Expected error message to include ${show(msgMatches)}, but got ${show(error.message)}`, msg);
}

export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const note = typeof classOrMsg === "string" ? classOrMsg : msg;
  try {
    fn();
  } catch (error) {
    return checkError(error, "thrown", classOrMsg, msgIncludes, note);
  }
  failed("Expected function to throw", note);
}

export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const note = typeof classOrMsg === "string" ? classOrMsg : msg;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    failed("Function throws when expected to reject", note);
  }
  if (typeof promise?.then !== "function") failed("Function throws when expected to reject", note);
  try {
    await promise;
  } catch (error) {
    return checkError(error, "rejected", classOrMsg, msgIncludes, note);
  }
  failed("Expected function to reject", note);
}

function checkError(
  error: unknown,
  how: "thrown" | "rejected",
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  note?: string,
): unknown {
  if (typeof classOrMsg !== "function") return error;
  if (!(error instanceof Error)) failed(`A non-Error object was ${how}`, note);
  assertIsError(error, classOrMsg, msgIncludes, note);
  return error;
}

export function fail(msg?: string): never {
  failed("Failed assertion", msg);
}

export function unreachable(msg?: string): never {
  failed("Unreachable", msg);
}

export function unimplemented(msg?: string): never {
  failed("Unimplemented", msg);
}
