/**
 * The entries of a collection in the changes of a state.
 * @module
 */
import { decodeKey, type Key, regionOf } from "../../machines/typed/state/key.ts";
import type { ChangeEvent } from "../watch/events.ts";

/** Reads changes of the collection whose keys begin with `start`; gives `null` for those outside of the prefix. @throws {TypeError} if the prefix is none. */
export function entriesIn(start: string, prefix: unknown): (event: ChangeEvent) => unknown {
  const region = prefix === undefined ? null : regionOf(prefix);
  return (event) => {
    const key = event.key.slice(start.length);
    if (region !== null && !(key >= region.from && key < region.to)) return null;
    const value: unknown = event.value === null ? undefined : JSON.parse(event.value);
    return { ...event, key: decodeKey(key) satisfies Key, value };
  };
}
