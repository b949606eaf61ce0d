/**
 * How much a log says: each kind of line now and then, and never a flood.
 * @module
 */
import type { Timer } from "../../node/ports.ts";

/** A line of the same kind is printed this often at most, ms. */
const REPEAT_MS = 10_000;
/** So many kinds of lines are remembered. */
const MAX_REMEMBERED = 256;
/** Lines of all kinds: so many at once, and so many a second. */
const BURST = 100;
const LINES_PER_SECOND = 10;

/** That a line may be printed, and what was not printed before it. */
export interface Admitted {
  /** Lines of the same kind since the last one. */
  readonly repeated: number;
  /** Lines of any kind for which there was no room since the last one of any kind. */
  readonly dropped: number;
}

/** Admits lines. */
export class LineLimit {
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #kinds = new Map<string, { readonly at: number; count: number }>();
  #tokens = BURST;
  #filledAt: number;
  #dropped = 0;

  constructor(timer: Pick<Timer, "monotonic">) {
    this.#timer = timer;
    this.#filledAt = timer.monotonic();
  }

  /** Whether a line of this kind may be printed now; `null`: no, it is counted. */
  admit(kind: string): Admitted | null {
    const now = this.#timer.monotonic();
    const before = this.#kinds.get(kind);
    if (before && now - before.at < REPEAT_MS) {
      before.count++;
      return null;
    }
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#filledAt) * LINES_PER_SECOND / 1000);
    this.#filledAt = now;
    if (this.#tokens < 1) {
      this.#dropped++;
      return null;
    }
    this.#tokens--;
    this.#kinds.delete(kind);
    // The oldest is forgotten, so that a kind that differs each time pushes out none that matters for long.
    if (this.#kinds.size >= MAX_REMEMBERED) this.#kinds.delete(this.#kinds.keys().next().value!);
    this.#kinds.set(kind, { at: now, count: 0 });
    const admitted = { repeated: before?.count ?? 0, dropped: this.#dropped };
    this.#dropped = 0;
    return admitted;
  }
}
