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

/** After a conflict another instance of this replica is at work: come back soon, and at another time than it, ms. */
export const CONFLICT_BACKOFF = { minMs: 4, maxMs: 1_000 };
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
