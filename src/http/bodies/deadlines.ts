/**
 * Many deadlines of the same length, served by a single timer, so that setting one costs almost nothing.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** Deadlines of the same length. */
export class Deadlines {
  readonly #timer: Timer;
  readonly #lengthMs: number;
  /** When each is due. Insertion order is the order in which they are due. */
  readonly #due = new Map<() => void, Millis>();
  #disarm: (() => void) | null = null;
  #isEnding = false;

  constructor(timer: Timer, lengthMs: number) {
    this.#timer = timer;
    this.#lengthMs = lengthMs;
  }

  /** Calls `late` at the deadline, unless the returned function is called before. */
  set(late: () => void): () => void {
    const entry = () => late();
    const at = millis(this.#timer.now() + this.#lengthMs);
    this.#due.set(entry, at);
    if (this.#disarm === null) this.#arm(at);
    return () => {
      if (this.#due.delete(entry) && this.#due.size === 0) this.#cancelSoon();
    };
  }

  /**
   * No timer is left pending when nobody waits: at some hosts it would keep the program awake, which costs money. But
   * the next deadline is often set in the same turn, and starting a timer costs 20 us.
   */
  #cancelSoon(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#timer.soon(() => {
      this.#isEnding = false;
      if (this.#due.size === 0) this.#cancel();
    });
  }

  /** Returns a signal that aborts at the deadline. Call `clear` when it is no longer needed. */
  signal(): { readonly signal: AbortSignal; readonly clear: () => void } {
    const controller = new AbortController();
    return { signal: controller.signal, clear: this.set(() => controller.abort()) };
  }

  /** Cancels all deadlines. */
  close(): void {
    this.#due.clear();
    this.#cancel();
  }

  #cancel(): void {
    this.#disarm?.();
    this.#disarm = null;
  }

  #arm(at: Millis): void {
    this.#disarm = this.#timer.schedule(at, () => this.#fire());
  }

  #fire(): void {
    this.#disarm = null;
    const now = this.#timer.now();
    for (const [late, at] of this.#due) {
      // If the clock was set back, nobody waits longer than one more length.
      if (at > now) return this.#arm(millis(Math.min(at, now + this.#lengthMs)));
      this.#due.delete(late);
      late();
    }
  }
}
