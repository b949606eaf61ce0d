/**
 * How much each of many may do: a bucket of tokens per key that fills up as time passes.
 * @module
 */

/** How much one key may do. */
export interface RateLimit {
  /** What it may do in the long run, per second. */
  readonly perSecond: number;
  /** What it may do at once after a pause. Default: what it may do in two seconds, and one at least. */
  readonly burst?: number;
}

/** What {@linkcode TokenBuckets} needs. */
export interface TokenBucketsOptions {
  readonly limit: RateLimit;
  /** A clock that does not jump, ms. */
  readonly now: () => number;
  /**
   * Keys that are remembered. Of more, the one that was idle the longest is forgotten, and so may do all that a new one may: whoever
   * has so many keys is not held up by one bucket each anyway.
   */
  readonly maxKeys: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** One bucket per key. */
export class TokenBuckets {
  readonly #options: TokenBucketsOptions;
  readonly #burst: number;
  /** The one that was idle the longest first. */
  readonly #buckets = new Map<string, Bucket>();

  /** @throws {RangeError} naming the number that is not above 0. */
  constructor(options: TokenBucketsOptions) {
    this.#options = options;
    const { perSecond, burst = Math.max(1, 2 * perSecond) } = options.limit;
    this.#burst = burst;
    for (const [name, value] of Object.entries({ perSecond, burst })) {
      if (!(value > 0 && value < Infinity)) throw new RangeError(`${name}: expected a number above 0, got ${value}`);
    }
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes `cost` tokens, and gives 0; or takes none, and gives the seconds until it may try again. One token is enough to begin with:
   * what costs more than there is leaves a debt, so that nothing is too large ever to pass.
   */
  take(key: string, cost = 1): number {
    const { limit: { perSecond }, now, maxKeys } = this.#options;
    const at = now();
    const before = this.#buckets.get(key) ?? { tokens: this.#burst, at };
    const tokens = Math.min(this.#burst, before.tokens + perSecond * Math.max(0, at - before.at) / 1000);
    const isEnough = tokens >= Math.min(1, this.#burst);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: isEnough ? tokens - cost : tokens, at });
    if (this.#buckets.size > maxKeys) this.#buckets.delete(this.#buckets.keys().next().value!);
    return isEnough ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond));
  }
}
