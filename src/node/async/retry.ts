/**
 * One thing that is tried again later.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import { Backoff, FAILURE_BACKOFF, type Jitter } from "./backoff.ts";
import { StoreConflictError, type Timer } from "../ports.ts";

/** What is to be tried, of which there is one at a time: a new one takes the place of one that has not begun. */
export class Retry {
  readonly #timer: Pick<Timer, "now" | "schedule">;
  readonly #noteConflict: () => number;
  readonly #failures: Backoff;
  #cancel: (() => void) | null = null;
  /** The last that was begun. */
  running: Promise<void> | null = null;

  /** `noteConflict`: gives how long to wait after one, ms. */
  constructor(timer: Pick<Timer, "now" | "schedule">, jitter: Jitter, noteConflict: () => number) {
    this.#timer = timer;
    this.#noteConflict = noteConflict;
    this.#failures = new Backoff(jitter, FAILURE_BACKOFF);
  }

  /** Has it run after so long, ms. */
  after(delayMs: number, run: () => Promise<void>): void {
    this.#cancel?.();
    this.#cancel = this.#timer.schedule(millis(this.#timer.now() + delayMs), () => this.running = run());
  }

  /** Has it run soon after a conflict, later after any other error, and each time later until {@linkcode Retry.reset}. */
  afterError(error: unknown, run: () => Promise<void>): void {
    this.after(error instanceof StoreConflictError ? this.#noteConflict() : this.#failures.next(), run);
  }

  /** It has worked. */
  reset(): void {
    this.#failures.reset();
  }

  /** Nothing more begins. */
  cancel(): void {
    this.#cancel?.();
  }
}
