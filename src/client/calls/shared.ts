/**
 * One piece of work whose result several callers share.
 * @module
 */

/** Work that ends when it is done, or when no caller waits for it any longer. */
export class Shared {
  readonly #controller = new AbortController();
  readonly #work: (signal: AbortSignal) => Promise<Uint8Array>;
  #done: Promise<Uint8Array> | null = null;
  #callers = 0;

  constructor(work: (signal: AbortSignal) => Promise<Uint8Array>) {
    this.#work = work;
  }

  /** Whether all callers have left. */
  get isAbandoned(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Starts the work. */
  start(): void {
    this.#done = this.#work(this.#controller.signal);
    this.#done.catch(() => {}); // the callers get the error from `wait`
  }

  /** Resolves with a copy of the result. Rejects with the error of the work, or with the reason of the caller's signal. */
  async wait(signal: AbortSignal): Promise<Uint8Array> {
    this.#callers++;
    try {
      let onAbort!: () => void;
      const aborted = new Promise<never>((_, reject) => onAbort = () => reject(signal.reason));
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return (await Promise.race([this.#done!, aborted])).slice();
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    } finally {
      if (--this.#callers === 0) this.#controller.abort(signal.reason);
    }
  }
}
