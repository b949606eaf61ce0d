/**
 * Options of one call, and the check of its result.
 * @module
 */
import { type OutputOf, type StandardSchema, validate } from "../../machines/typed/values/schema.ts";

/** Options of one call. */
export interface CallSettings {
  /** Ends the call, which then rejects with `signal.reason`. If the operation was sent, it may still be executed. */
  readonly signal?: AbortSignal;
}

/** Options of a call whose result is checked. */
export interface WithSchema<S extends StandardSchema> extends CallSettings {
  /** The result's schema, of any library with the Standard Schema interface; or `unchecked<T>()`. */
  readonly schema: S;
}

/**
 * What the schema makes of a result; without a schema the result.
 * @throws {TypeError} with the path at which it is another one.
 */
export function checkedBy<S extends StandardSchema>(schema: S | undefined, result: unknown): OutputOf<S> | unknown {
  if (!schema) return result;
  const valid = validate(schema, "schema", result);
  if ("value" in valid) return valid.value;
  throw new TypeError(
    `result: expected what the schema asks for, got something else at ${valid.at}; what was asked for was done`,
  );
}
