/**
 * Schemas of any library that has the Standard Schema interface (https://standardschema.dev): zod, valibot, arktype and
 * others. The interface is a type; nothing of any library is here.
 * @module
 */
import { type PathKey, pathText } from "./path.ts";

/** A schema: what comes in, and what validation makes of it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the libraries agree on. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** The library. */
    readonly vendor: string;
    /** Checks a value. Here it must answer at once. */
    readonly validate: (value: unknown) => SchemaResult<Output> | PromiseLike<SchemaResult<Output>>;
    /** The types; there at compile time only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The answer of a schema. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One fault that a schema finds in a value. */
export interface SchemaIssue {
  /** In the words of the library. */
  readonly message: string;
  /** The place. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What goes into a schema; `undefined` where there is none. */
export type InputOf<S> = S extends StandardSchema<infer Input, infer _> ? Input : undefined;
/** What comes out of a schema; `undefined` where there is none. */
export type OutputOf<S> = S extends StandardSchema<infer _, infer Output> ? Output : undefined;

const VENDOR = "@pbft/edge unchecked";

/**
 * A type without a check, in place of a schema: any JSON value passes. A client of another program may send anything,
 * so `run` must itself look at what it gets.
 */
export function unchecked<T>(): StandardSchema<T> {
  return { "~standard": { version: 1, vendor: VENDOR, validate: (value) => ({ value: value as T }) } };
}

/** A valid value, or the path of the first field that is not valid. */
export type Validated = { readonly value: unknown } | { readonly at: string };

/**
 * Checks a value. Of several issues the path that sorts first counts, so that the answer does not depend on the order
 * in which a version of a library finds them; its words are left out for the same reason.
 * @throws {TypeError} if the schema is asynchronous.
 */
export function validate(schema: StandardSchema<unknown, unknown>, what: string, value: unknown): Validated {
  if (schema["~standard"].vendor === VENDOR) return { value };
  const result = schema["~standard"].validate(value);
  if (isThenable(result)) {
    ignore(result);
    throw new TypeError(`${what}: expected a schema that answers at once, got one that is asynchronous`);
  }
  if (!result.issues) return { value: result.value };
  const [first = "."] = result.issues.map(({ path = [] }) => pathText(path.map(keyOf))).sort();
  return { at: first.slice(0, 200) };
}

const SAMPLES: readonly unknown[] = [undefined, null, "", 0, true, {}, []];

/** Checks that something is a schema that answers at once, as far as that shows. @throws {TypeError} if not. */
export function checkSchema(schema: unknown, what: string): void {
  const standard = (schema as StandardSchema | null | undefined)?.["~standard"];
  if (standard?.version !== 1 || typeof standard.validate !== "function") {
    throw new TypeError(
      `${what}: expected a schema with the Standard Schema interface, as of zod, valibot or unchecked()`,
    );
  }
  const isAsync = (schema as { readonly async?: unknown }).async === true || SAMPLES.some((sample) => {
    try {
      const result = standard.validate(sample);
      if (!isThenable(result)) return false;
      ignore(result);
      return true;
    } catch {
      return false; // A schema of one's own may throw on what it does not expect.
    }
  });
  if (isAsync) throw new TypeError(`${what}: expected a schema that answers at once, got one that is asynchronous`);
}

/** Whether something is a promise, or alike. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}

/** Marks a promise as handled: an unhandled rejection would end the process. */
export function ignore(promise: PromiseLike<unknown>): void {
  promise.then(() => {}, () => {});
}

function keyOf(segment: PropertyKey | { readonly key: PropertyKey }): PathKey {
  const key = typeof segment === "object" ? segment.key : segment;
  return typeof key === "symbol" ? String(key) : key;
}
