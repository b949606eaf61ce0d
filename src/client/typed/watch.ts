/**
 * Watching a collection of a typed machine.
 * @module
 */
import type { CollectionField } from "../../machines/typed/state/fields.ts";
import type { Machine } from "../../machines/typed/types.ts";
import type { Client } from "../client.ts";
import { later } from "../later/mod.ts";
import type { ChangeEvent, Watch, WatchSettings } from "../watch/events.ts";
import { LaterWatch } from "../watch/watch.ts";

/** The names of the collections of a machine. */
export type CollectionNames<State> = {
  [K in keyof State]: State[K] extends CollectionField<infer _, infer _K, infer _W> ? K : never;
}[keyof State];

/** A field of a state by its name. */
export type FieldOf<State, Name> = Name extends keyof State ? State[Name] : never;

/** The keys of a collection by its name. */
export type KeyIn<State, Name> = FieldOf<State, Name> extends CollectionField<infer _, infer K, infer _W> ? K : never;

/** A change of an entry of a collection. */
export type EntryEvent<Field> = Field extends CollectionField<infer Value, infer K, infer _> ?
    & Omit<ChangeEvent, "key" | "value">
    & {
      /** The key. */
      readonly key: K;
      /** The new value; `undefined`: the entry was removed. */
      readonly value: Value | undefined;
    }
  : never;

/**
 * Watches a collection. The first `next` rejects with a {@linkcode TypeError} if the prefix is none.
 * @throws {TypeError} if the machine has no such collection.
 */
export function watchCollection(
  machine: Machine,
  client: Client,
  name: string,
  { prefix, ...settings }: WatchSettings & { readonly prefix?: unknown } = {},
): Watch<unknown> {
  if (machine.definition.state[name]?.kind !== "collection") {
    throw new TypeError(`watch: expected a collection of ${machine.version}, got ${JSON.stringify(name)}`);
  }
  const start = `${name}!`;
  const watch = client.watch({ prefix: start }, settings);
  // The first `next()` gets the error of a wrong prefix.
  return new LaterWatch(watch.resumeAt, later().then(({ watchEntries }) => watchEntries(watch, start, prefix)));
}
