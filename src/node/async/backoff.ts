/**
 * Waiting longer and longer, each time a little differently, so that those who failed together don't retry together.
 * @module
 */

/** Gives the next number in [0, 1). Deterministic: the same seed, the same numbers. */
export type Jitter = () => number;

/** Makes a {@linkcode Jitter} (mulberry32). Not for secrets. */
export function createJitter(seed: number): Jitter {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** After a failure of the store, ms. */
export const FAILURE_BACKOFF = { minMs: 50, maxMs: 5_000 };

/** Delays that double from `minMs` to `maxMs` with each failure in a row, each shortened by up to half. */
export class Backoff {
  readonly #jitter: Jitter;
  readonly #minMs: number;
  readonly #maxMs: number;
  #failures = 0;

  constructor(jitter: Jitter, { minMs, maxMs }: { readonly minMs: number; readonly maxMs: number }) {
    this.#jitter = jitter;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Notes a failure; gives how long to wait now, whole ms. */
  next(): number {
    const full = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures++, 30));
    return Math.ceil(full * (1 - this.#jitter() / 2));
  }

  /** It worked. */
  reset(): void {
    this.#failures = 0;
  }
}

/** The longest wait after a conflict, ms. */
const MAX_CONFLICT_MS = 1_000;
/** Each conflict is another instance's success, so there is no need to give way; but after so many in a row something else is wrong. */
const MANY_CONFLICTS = 8;
/** The scale of waits where calls of the store take no time, ms. */
const MIN_CONFLICT_MS = 4;

/**
 * After a conflict another instance of this replica is at work. The first one is tried again at once, with what the other has written;
 * several in a row at another time than the other, on the scale of what a call of the store takes.
 */
export class ConflictBackoff {
  readonly #jitter: Jitter;
  #conflicts = 0;

  constructor(jitter: Jitter) {
    this.#jitter = jitter;
  }

  /** Notes a conflict; gives how long to wait now, whole ms. `callMs`: what a commit takes. */
  next(callMs: number): number {
    const before = this.#conflicts++;
    if (before === 0) return 0;
    const longest = Math.max(MIN_CONFLICT_MS, callMs / 2) * 2 ** Math.max(0, Math.min(before, 30) - MANY_CONFLICTS);
    return Math.ceil(Math.min(longest, MAX_CONFLICT_MS) * (0.25 + 0.75 * this.#jitter()));
  }

  /** It worked. */
  reset(): void {
    this.#conflicts = 0;
  }
}
