/**
 * The parts of a state: collections and counters, as a machine declares them and as `run` sees them.
 * @module
 */
import type { Key } from "./key.ts";
import { checkSchema, type InputOf, type OutputOf, type StandardSchema } from "../values/schema.ts";

/** An ordered map, as `run` of an operation sees it. What `get` and `range` give are copies. */
export interface Collection<Value, K extends Key = string, Written = Value> extends ReadonlyCollection<Value, K> {
  /** Writes an entry. @throws {TypeError} if the key is none, or the value is not what the schema asks for. */
  set(key: K, value: Written): void;
  /** Deletes an entry. Returns whether there was one. */
  delete(key: K): boolean;
}

/** An ordered map, as `run` of a query sees it. */
export interface ReadonlyCollection<Value, K extends Key = string> {
  /** The value; `undefined` if there is none, or it has expired. */
  get(key: K): Value | undefined;
  /** Whether there is a value. */
  has(key: K): boolean;
  /** The entries in the order of their keys. */
  range(options?: RangeOptions<K>): (readonly [key: K, value: Value])[];
}

/** Which entries a range has. */
export interface RangeOptions<K extends Key = Key> {
  /** Only keys that begin with this: a text with these characters, a list with these elements. */
  readonly prefix?: PrefixOf<K>;
  /** Only keys from this one on. */
  readonly from?: K;
  /** Only keys after this one. */
  readonly after?: K;
  /** Only keys before this one. */
  readonly before?: K;
  /** The most entries. By default all; the cost is proportional to their number. */
  readonly limit?: number;
  /** From the last to the first. */
  readonly reverse?: boolean;
}

/** The prefixes of keys of a type. */
export type PrefixOf<K> = K extends readonly [] ? readonly []
  : K extends readonly [...infer Head, infer _] ? K | PrefixOf<Readonly<Head>>
  : K extends number ? never
  : K;

/** A number that operations count with. */
export interface Counter extends ReadonlyCounter {
  /** Adds one and returns the new value. */
  next(): number;
  /** Adds an integer and returns the new value. @throws {RangeError} beyond ±(2^53 - 1). */
  add(by: number): number;
}

/** A number, as a query sees it. */
export interface ReadonlyCounter {
  /** The number; 0 at first. */
  readonly value: number;
}

/** A part of a state. `Handle`: as `run` of an operation sees it; `Reader`: of a query. */
export interface Field<Handle = unknown, Reader = unknown> {
  /** What it is. */
  readonly kind: "collection" | "counter";
  /** The types; there at compile time only. */
  readonly types?: { readonly handle: Handle; readonly reader: Reader } | undefined;
}

/** A collection, as it is declared. */
export interface CollectionField<Value, K extends Key, Written = Value>
  extends Field<Collection<Value, K, Written>, ReadonlyCollection<Value, K>> {
  /** What it is. */
  readonly kind: "collection";
  /** The schema of the values. */
  readonly value: StandardSchema<Written, Value>;
  /** The schema of the keys; `null`: any text. */
  readonly key: StandardSchema<unknown, K> | null;
  /** The field of a value that says when it expires. */
  readonly expires: string | null;
}

/** How a collection is kept. */
export interface CollectionOptions<K, Value> {
  /** The schema of the keys: texts, numbers or lists of these. By default keys are texts. */
  readonly key?: K;
  /**
   * The field of a value with the agreed time, ms, from which on it is gone: `get` and `range` do not find it, and it
   * is removed when others are written.
   */
  readonly expires?: { [F in keyof Value]: Value[F] extends number ? F : never }[keyof Value] & string;
}

/** The keys that a schema gives. */
export type KeyOf<K> = OutputOf<K> extends infer Keys extends Key ? Keys : never;

/**
 * An ordered map. It is loaded by need, and the cost of a checkpoint is proportional to the changes. A value is kept as
 * JSON.
 *
 * @example
 * ```ts
 * import { collection } from "@pbft/edge/machine";
 * import * as v from "npm:valibot@1.5.0";
 * const entries = collection(v.object({ amount: v.number() }), { key: v.tuple([v.string(), v.number()]) });
 * ```
 */
export function collection<V extends StandardSchema, K extends StandardSchema<unknown, Key> = StandardSchema<string>>(
  value: V,
  options: CollectionOptions<K, OutputOf<V>> = {},
): CollectionField<OutputOf<V>, KeyOf<K>, InputOf<V>> {
  checkSchema(value, "collection");
  if (options.key !== undefined) checkSchema(options.key, "collection: key");
  return {
    kind: "collection",
    value: value as unknown as StandardSchema<InputOf<V>, OutputOf<V>>,
    key: (options.key ?? null) as unknown as StandardSchema<unknown, KeyOf<K>> | null,
    expires: options.expires ?? null,
  };
}

/** A number that operations count with: `next()` gives 1, 2, 3 and so on. */
export function counter(): Field<Counter, ReadonlyCounter> {
  return { kind: "counter" };
}
