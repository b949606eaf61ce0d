/**
 * The numbering of requests within one session.
 * @module
 */

/** Gives out timestamps 1, 2, 3, … and knows which of them still lack an answer. */
export class Session {
  #next = 1;
  /** Ascending, since timestamps enter in order. */
  readonly #unanswered = new Set<number>();
  #whenLowest: { readonly timestamp: number; readonly resolve: () => void }[] = [];

  constructor(
    /** The sequence number at which it was opened. */
    readonly id: number,
    /** How far timestamps may run ahead of the lowest unanswered one; the genesis's `sessionWindow`. */
    readonly window: number,
  ) {}

  /** Below it, all answers are here. */
  get lowestUnanswered(): number {
    for (const timestamp of this.#unanswered) return timestamp;
    return this.#next;
  }

  /** Whether another timestamp may be taken. */
  get hasRoom(): boolean {
    return this.#next < this.lowestUnanswered + this.window;
  }

  /** Takes the next timestamp. */
  take(): number {
    const timestamp = this.#next++;
    this.#unanswered.add(timestamp);
    return timestamp;
  }

  /** The answer to `timestamp` is here, or nobody wants it any more. */
  done(timestamp: number): void {
    this.#unanswered.delete(timestamp);
    const lowest = this.lowestUnanswered;
    this.#whenLowest = this.#whenLowest.filter((waiting) => waiting.timestamp > lowest || waiting.resolve());
  }

  /** Resolves when all timestamps below this one, which is unanswered, are done. */
  untilLowest(timestamp: number): Promise<void> {
    if (timestamp <= this.lowestUnanswered) return Promise.resolve();
    return new Promise((resolve) => this.#whenLowest.push({ timestamp, resolve }));
  }
}
