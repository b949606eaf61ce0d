/**
 * A watch that reads the replicas.
 * @module
 */
import type { Watched } from "../../wire/watch.ts";
import type { AnyEvent, Watch } from "./events.ts";
import { type WatcherOptions, watchEvents } from "./watcher.ts";

/** A watch. Its options are valid. */
export class OpenWatch implements Watch<AnyEvent> {
  readonly begun: Promise<number>;
  #resumeAt: number | null;
  readonly #ended = new AbortController();
  readonly #agreed: AsyncGenerator<readonly AnyEvent[], void>;
  /** The events of the batch that is being given. */
  #events: AnyEvent[] = [];
  /** The last call of `next` or `return`: calls run one after another. */
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
    // A caller that does not use this promise need not handle its rejection.
    this.begun.catch(() => {});
    if (from !== null) this.#onBegun?.resolve(from);
    const outer = signal ? [signal, options.signal] : [options.signal];
    const end = () => this.#ended.abort();
    for (const one of outer) {
      if (one.aborted) end();
      one.addEventListener("abort", end, { once: true, signal: this.#ended.signal });
    }
    this.#agreed = watchEvents({
      ...options,
      watch,
      from,
      signal: this.#ended.signal,
      onProgress: (next) => {
        this.#resumeAt = next;
        this.#onBegun?.resolve(next);
      },
    });
    // The watch begins now, not with the first call.
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
