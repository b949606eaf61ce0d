/**
 * Token buckets: a rate limit per key. Each bucket refills as time passes.
 * @module
 */

/** The rate limit of one key. */
export interface RateLimit {
  /** Average rate, per second. */
  readonly perSecond: number;
  /** Units allowed at once after a pause. Default: two seconds' worth, and at least 1. */
  readonly burst?: number;
}

/** Options of {@linkcode TokenBuckets}. */
export interface TokenBucketsOptions {
  readonly limit: RateLimit;
  /** A monotonic clock, ms. */
  readonly now: () => number;
  /**
   * Maximum number of remembered keys. Beyond it the least recently used key is forgotten and starts with a full
   * bucket. A sender with that many keys is not limited by one bucket each anyway.
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
  /** In order of last use, the oldest first. */
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

  /** Number of remembered keys. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes `cost` tokens and returns 0; or takes none and returns the seconds until a retry can succeed. One token is
   * enough to start: a cost above the content of the bucket leaves a debt, so that no request is too large to ever
   * pass.
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
