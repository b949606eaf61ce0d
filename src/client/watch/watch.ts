/**
 * A watch as its caller sees it.
 * @module
 */
import type { Watched } from "../../wire/watch.ts";
import { later } from "../later/mod.ts";
import type { AnyEvent, Watch, WatchSettings } from "./events.ts";
import type { WatcherOptions } from "./watcher.ts";

/** The longest key or prefix, characters: as at the replicas. */
const MAX_KEY = 2_048;

/** Begins a watch. @throws {RangeError} if `from` is not a positive integer, or the key or prefix is too long. */
export function openWatch(
  watch: Watched,
  { from = null, signal }: WatchSettings,
  options: Omit<WatcherOptions, "watch" | "from" | "onProgress">,
): Watch<AnyEvent> {
  const [[name, value]] = Object.entries(watch) as [[string, unknown]];
  if (typeof value === "string" && value.length > MAX_KEY) {
    throw new RangeError(`${name}: expected at most ${MAX_KEY} characters, got ${value.length}`);
  }
  if (from !== null && !(Number.isSafeInteger(from) && from >= 1)) {
    throw new RangeError(`from: expected a positive integer, got ${String(from)}`);
  }
  return new LaterWatch(from, later().then(({ OpenWatch }) => new OpenWatch(watch, from, signal, options)));
}

/** A watch, while what reads the replicas is loaded, and after that. */
export class LaterWatch<Event> implements Watch<Event> {
  readonly begun: Promise<number>;
  readonly #from: number | null;
  readonly #opening: Promise<Watch<Event>>;
  #open: Watch<Event> | null = null;

  /** `from`: where it begins, or goes on until it is open. */
  constructor(from: number | null, opening: Promise<Watch<Event>>) {
    this.#from = from;
    this.#opening = opening;
    this.begun = opening.then((open) => (this.#open = open).begun);
    // A caller that does not use this promise need not handle its rejection.
    this.begun.catch(() => {});
  }

  get resumeAt(): number | null {
    return this.#open ? this.#open.resumeAt : this.#from;
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    return await (await this.#opening).next();
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    const open = await this.#opening.catch(() => null);
    return open ? await open.return() : { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
