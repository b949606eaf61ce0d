/**
 * Limits how many lines a log prints, for each kind of line and in all.
 * @module
 */
import type { Timer } from "../../node/ports.ts";

/** A line of the same kind is printed at most once in this time, ms. */
const REPEAT_MS = 10_000;
/** This many kinds of lines are remembered. */
const MAX_REMEMBERED = 256;
/** The limits for lines of all kinds: at once, and per second. */
const BURST = 100;
const LINES_PER_SECOND = 10;

/** A line that may be printed, with the counts of lines that were left out before it. */
export interface Admitted {
  /** Lines of the same kind since the last one. */
  readonly repeated: number;
  /** Lines of all kinds that exceeded the limit since the last line. */
  readonly dropped: number;
}

/** Decides which lines are printed. */
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

  /** Admits a line of this kind, or counts it and returns `null`. */
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
    // The oldest kind is forgotten. So a kind that is new each time cannot displace the others for long.
    if (this.#kinds.size >= MAX_REMEMBERED) this.#kinds.delete(this.#kinds.keys().next().value!);
    this.#kinds.set(kind, { at: now, count: 0 });
    const admitted = { repeated: before?.count ?? 0, dropped: this.#dropped };
    this.#dropped = 0;
    return admitted;
  }
}
