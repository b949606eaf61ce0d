/**
 * A client's session: the numbering of its requests.
 * @module
 */
import type { Rules } from "../epochs/present.ts";

/** Assigns the timestamps 1, 2, 3, … and knows which of them are not answered yet. */
export class Session {
  #next = 1;
  /** In ascending order, because timestamps are added in order. */
  readonly #unanswered = new Set<number>();
  #whenLowest: { readonly timestamp: number; readonly resolve: () => void }[] = [];

  constructor(
    /** The sequence number at which the session was opened. */
    readonly id: number,
    readonly rules: Rules,
  ) {}

  /** The lowest timestamp without an answer; if all are answered, the next timestamp. */
  get lowestUnanswered(): number {
    for (const timestamp of this.#unanswered) return timestamp;
    return this.#next;
  }

  /** Whether the window allows another timestamp: the most that it may be ahead of the lowest unanswered one. */
  get hasRoom(): boolean {
    return this.#next < this.lowestUnanswered + this.rules.limits.sessionWindow;
  }

  /** Assigns the next timestamp. */
  take(): number {
    const timestamp = this.#next++;
    this.#unanswered.add(timestamp);
    return timestamp;
  }

  /** Notes that `timestamp` was answered, or that no caller waits for its answer any longer. */
  done(timestamp: number): void {
    this.#unanswered.delete(timestamp);
    const lowest = this.lowestUnanswered;
    this.#whenLowest = this.#whenLowest.filter((waiting) => waiting.timestamp > lowest || waiting.resolve());
  }

  /** Resolves when all timestamps below this unanswered one are done. */
  untilLowest(timestamp: number): Promise<void> {
    if (timestamp <= this.lowestUnanswered) return Promise.resolve();
    return new Promise((resolve) => this.#whenLowest.push({ timestamp, resolve }));
  }
}
