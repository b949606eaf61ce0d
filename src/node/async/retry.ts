/**
 * Retries of one operation.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import { Backoff, FAILURE_BACKOFF, type Jitter } from "./backoff.ts";
import { StoreConflictError, type Timer } from "../ports.ts";

/** Runs one operation later. A new one replaces one that has not started yet. */
export class Retry {
  readonly #timer: Pick<Timer, "now" | "schedule">;
  readonly #noteConflict: () => number;
  readonly #failures: Backoff;
  #cancel: (() => void) | null = null;
  /** The last operation that was started. */
  running: Promise<void> | null = null;

  /** `noteConflict`: records a conflict and returns how long to wait after it, ms. */
  constructor(timer: Pick<Timer, "now" | "schedule">, jitter: Jitter, noteConflict: () => number) {
    this.#timer = timer;
    this.#noteConflict = noteConflict;
    this.#failures = new Backoff(jitter, FAILURE_BACKOFF);
  }

  /** Runs `run` after a delay, ms. */
  after(delayMs: number, run: () => Promise<void>): void {
    this.#cancel?.();
    this.#cancel = this.#timer.schedule(millis(this.#timer.now() + delayMs), () => this.running = run());
  }

  /**
   * Runs `run` soon after a conflict, and later after any other error; the delay grows until {@linkcode Retry.reset}.
   */
  afterError(error: unknown, run: () => Promise<void>): void {
    this.after(error instanceof StoreConflictError ? this.#noteConflict() : this.#failures.next(), run);
  }

  /** Records a success. */
  reset(): void {
    this.#failures.reset();
  }

  /** Cancels an operation that has not started. */
  cancel(): void {
    this.#cancel?.();
  }
}
