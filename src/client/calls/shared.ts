/**
 * One piece of work for any number of callers.
 * @module
 */

/** Ends when it is done, or when nobody waits for it any more. */
export class Shared {
  readonly #controller = new AbortController();
  readonly #work: (signal: AbortSignal) => Promise<Uint8Array>;
  #done: Promise<Uint8Array> | null = null;
  #callers = 0;

  constructor(work: (signal: AbortSignal) => Promise<Uint8Array>) {
    this.#work = work;
  }

  /** Whether all who waited have left. */
  get isAbandoned(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Begins. */
  start(): void {
    this.#done = this.#work(this.#controller.signal);
    this.#done.catch(() => {}); // those who wait hear of it
  }

  /** Resolves when it is done. Rejects with what it throws, or with the signal's reason. Each caller has a copy of its own. */
  async wait(signal: AbortSignal): Promise<Uint8Array> {
    this.#callers++;
    try {
      const { promise, reject } = Promise.withResolvers<never>();
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return (await Promise.race([this.#done!, promise])).slice();
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    } finally {
      if (--this.#callers === 0) this.#controller.abort(signal.reason);
    }
  }
}
