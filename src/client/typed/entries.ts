/**
 * The entries of a collection in the changes of a state, and watching them.
 * @module
 */
import { decodeKey, type Key, regionOf } from "../../machines/typed/state/key.ts";
import type { ChangeEvent, MissedEvent, Watch } from "../watch/events.ts";

/**
 * Reads changes of the collection whose keys begin with `start`; gives `null` for those outside of the prefix.
 * @throws {TypeError} if the prefix is none.
 */
export function entriesIn(start: string, prefix: unknown): (event: ChangeEvent) => unknown {
  const region = prefix === undefined ? null : regionOf(prefix);
  return (event) => {
    const key = event.key.slice(start.length);
    if (region !== null && !(key >= region.from && key < region.to)) return null;
    const value: unknown = event.value === null ? undefined : JSON.parse(event.value);
    return { ...event, key: decodeKey(key) satisfies Key, value };
  };
}

/**
 * A watch of the entries of a collection. It is made of a watch of all keys that begin with `start`, and both end
 * together.
 * @throws {TypeError} if the prefix is none; then the watch below has ended.
 */
export async function watchEntries(
  watch: Watch<ChangeEvent | MissedEvent>,
  start: string,
  prefix: unknown,
): Promise<Watch<unknown>> {
  try {
    const entry = entriesIn(start, prefix);
    return mapWatch(watch, (event) => event.kind === "missed" ? event : entry(event));
  } catch (error) {
    await watch.return();
    throw error;
  }
}

/** The same watch with other events; `null`: none. It ends if the mapping throws. */
function mapWatch<From, To>(watch: Watch<From>, map: (event: From) => To | null): Watch<To> {
  return {
    begun: watch.begun,
    get resumeAt() {
      return watch.resumeAt;
    },
    async next() {
      try {
        for (;;) {
          const { done, value } = await watch.next();
          if (done) return { done, value: undefined };
          const mapped = map(value);
          if (mapped !== null) return { done: false, value: mapped };
        }
      } catch (error) {
        await watch.return();
        throw error;
      }
    },
    async return() {
      await watch.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
