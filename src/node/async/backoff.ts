/**
 * Exponential backoff with jitter, so that callers that failed together do not retry together.
 * @module
 */

/** Returns the next number in [0, 1). Deterministic: the same seed gives the same numbers. */
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

/** Delays after a failure of the store, ms. */
export const FAILURE_BACKOFF = { minMs: 50, maxMs: 5_000 };

/** Delays that double from `minMs` to `maxMs` with each consecutive failure. Jitter shortens each by up to half. */
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

  /** Consecutive failures. */
  get failures(): number {
    return this.#failures;
  }

  /** Records a failure. Returns how long to wait now, whole ms. */
  next(): number {
    const full = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures++, 30));
    return Math.ceil(full * (1 - this.#jitter() / 2));
  }

  /** Records a success. */
  reset(): void {
    this.#failures = 0;
  }
}

/** Maximum wait after a conflict, ms. */
const MAX_CONFLICT_MS = 1_000;
/**
 * Consecutive conflicts after which delays start to double. Fewer are normal: each conflict is the success of another
 * instance. More mean that something else is wrong.
 */
const MANY_CONFLICTS = 8;
/** Minimum scale of the delays, for stores whose calls take almost no time, ms. */
const MIN_CONFLICT_MS = 4;

/**
 * Backoff after conflicts with another instance of this replica on the same store. After the first conflict the retry
 * is at once, with what the other has written. After further ones the retry is at a random time, on the scale of one
 * call of the store, so that the instances do not collide again.
 */
export class ConflictBackoff {
  readonly #jitter: Jitter;
  #conflicts = 0;

  constructor(jitter: Jitter) {
    this.#jitter = jitter;
  }

  /** Records a conflict. Returns how long to wait now, whole ms. `callMs`: the usual duration of a commit. */
  next(callMs: number): number {
    const before = this.#conflicts++;
    if (before === 0) return 0;
    const longest = Math.max(MIN_CONFLICT_MS, callMs / 2) * 2 ** Math.max(0, Math.min(before, 30) - MANY_CONFLICTS);
    return Math.ceil(Math.min(longest, MAX_CONFLICT_MS) * (0.25 + 0.75 * this.#jitter()));
  }

  /** Records a success. */
  reset(): void {
    this.#conflicts = 0;
  }
}
