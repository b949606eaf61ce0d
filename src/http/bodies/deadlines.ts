/**
 * Many deadlines of one length behind a single timer, so that setting one costs next to nothing.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** Deadlines that are all equally far away when they are set. */
export class Deadlines {
  readonly #timer: Timer;
  readonly #lengthMs: number;
  /** By when each is due. Insertion order is the order in which they fall due. */
  readonly #due = new Map<() => void, Millis>();
  #disarm: (() => void) | null = null;

  constructor(timer: Timer, lengthMs: number) {
    this.#timer = timer;
    this.#lengthMs = lengthMs;
  }

  /** Calls `late` when the time is over, unless the returned function is called before. */
  set(late: () => void): () => void {
    const entry = () => late();
    const at = millis(this.#timer.now() + this.#lengthMs);
    this.#due.set(entry, at);
    if (this.#disarm === null) this.#arm(at);
    return () => {
      // Nothing is left pending when nobody waits: at some hosts it would keep the program awake, at a price.
      if (this.#due.delete(entry) && this.#due.size === 0) this.#cancel();
    };
  }

  /** A signal that aborts at the deadline. `clear` it once it is no longer needed. */
  signal(): { readonly signal: AbortSignal; readonly clear: () => void } {
    const controller = new AbortController();
    return { signal: controller.signal, clear: this.set(() => controller.abort()) };
  }

  /** Forgets all deadlines; none of them fires. */
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
      // A clock that was set back must not keep anybody waiting for longer than one more length.
      if (at > now) return this.#arm(millis(Math.min(at, now + this.#lengthMs)));
      this.#due.delete(late);
      late();
    }
  }
}
