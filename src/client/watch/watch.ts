/**
 * A watch as its caller sees it.
 * @module
 */
import type { Watched } from "../../wire/mod.ts";
import { type BatchEvent, type ChangeEvent, eventsOf, type MissedEvent, type WatchSettings } from "./events.ts";
import { agreedChanges, type WatcherOptions } from "./watcher.ts";

/** Events in order. It begins when it is made; the end of a loop over it, or `return`, ends it. */
export interface Watch<Event> extends AsyncIterableIterator<Event, undefined> {
  /**
   * The number at which it begins: all changes from this number on will come. A query that is made afterwards shows the state with all changes
   * before. Rejects if the watch ends earlier.
   */
  readonly begun: Promise<number>;
  /**
   * The `from` with which another watch goes on behind the events that this one has given; `null` before it has begun. Between two changes of one
   * batch it is the number of this batch.
   */
  readonly resumeAt: number | null;
  /** Ends the watch. */
  return(): Promise<IteratorResult<Event, undefined>>;
}

type AnyEvent = BatchEvent | ChangeEvent | MissedEvent;

/** The longest key or prefix, characters: as at the replicas. */
const MAX_KEY = 2_048;

/** Begins a watch. @throws {RangeError} if `from` is not a positive integer, or the key or prefix is too long. */
export function openWatch(
  watch: Watched,
  { from, signal }: WatchSettings,
  options: Omit<WatcherOptions, "watch" | "from" | "onProgress">,
): Watch<AnyEvent> {
  const [[name, value]] = Object.entries(watch) as [[string, unknown]];
  if (typeof value === "string" && value.length > MAX_KEY) {
    throw new RangeError(`${name}: expected at most ${MAX_KEY} characters, got ${value.length}`);
  }
  if (from !== undefined && !(Number.isSafeInteger(from) && from >= 1)) {
    throw new RangeError(`from: expected a positive integer, got ${String(from)}`);
  }
  return new OpenWatch(watch, from ?? null, signal, options);
}

class OpenWatch implements Watch<AnyEvent> {
  readonly begun: Promise<number>;
  #resumeAt: number | null;
  readonly #ended = new AbortController();
  readonly #agreed: AsyncGenerator<ReturnType<typeof eventsOf>, void>;
  /** The events of the batch that is being given. */
  #events: AnyEvent[] = [];
  /** The calls one after another. */
  #turn: Promise<unknown>;
  #onBegun: { readonly resolve: (from: number) => void; readonly reject: (error: unknown) => void } | null = null;

  constructor(
    watch: Watched,
    from: number | null,
    signal: AbortSignal | undefined,
    options: Omit<WatcherOptions, "watch" | "from" | "onProgress">,
  ) {
    this.#resumeAt = from;
    this.begun = new Promise((resolve, reject) => this.#onBegun = { resolve, reject });
    // Who does not ask for it need not handle it.
    this.begun.catch(() => {});
    if (from !== null) this.#onBegun?.resolve(from);
    const outer = signal ? [signal, options.signal] : [options.signal];
    const end = () => this.#ended.abort();
    for (const one of outer) {
      if (one.aborted) end();
      one.addEventListener("abort", end, { once: true, signal: this.#ended.signal });
    }
    const agreed = agreedChanges({
      ...options,
      watch,
      from,
      signal: this.#ended.signal,
      onProgress: (next) => {
        this.#resumeAt = next;
        this.#onBegun?.resolve(next);
      },
    });
    this.#agreed = (async function* () {
      for await (const one of agreed) yield eventsOf(one);
    })();
    // It begins now, not with the first call.
    this.#turn = this.#more();
    this.#turn.catch(() => {});
  }

  get resumeAt(): number | null {
    return this.#resumeAt;
  }

  next(): Promise<IteratorResult<AnyEvent, undefined>> {
    const turn = this.#turn.then(() => this.#next());
    this.#turn = turn;
    turn.catch(() => {});
    return turn;
  }

  async return(): Promise<IteratorResult<AnyEvent, undefined>> {
    this.#ended.abort();
    this.#events = [];
    await this.#turn.catch(() => {});
    await this.#agreed.return();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #next(): Promise<IteratorResult<AnyEvent, undefined>> {
    if (this.#events.length === 0) await this.#more();
    const event = this.#events.shift();
    if (!event || this.#ended.signal.aborted) return { done: true, value: undefined };
    const last = event.kind === "missed" ? event.through : event.sequence;
    this.#resumeAt = this.#events.length > 0 ? last : last + 1;
    return { done: false, value: event };
  }

  async #more(): Promise<void> {
    try {
      const { done, value } = await this.#agreed.next();
      if (!done) this.#events = [...value];
      else this.#onBegun?.reject(new DOMException("the watch has ended", "AbortError"));
    } catch (error) {
      this.#onBegun?.reject(error);
      throw error;
    }
  }
}

/** The same watch with other events; `null`: none. */
export function mapWatch<From, To>(watch: Watch<From>, map: (event: From) => To | null): Watch<To> {
  return {
    begun: watch.begun,
    get resumeAt() {
      return watch.resumeAt;
    },
    async next() {
      for (;;) {
        const { done, value } = await watch.next();
        if (done) return { done, value: undefined };
        const mapped = map(value);
        if (mapped !== null) return { done: false, value: mapped };
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
