/**
 * A cache of bounded size that keeps the values in use.
 * @module
 */

/**
 * Holds at least the `size` most recently used values, and at most twice as many. A flood of values that are used
 * once (keys of clients that come and go) does not push out values that are used all the time (the members' keys).
 */
export class BoundedCache<V> {
  readonly #size: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** Makes a cache that holds at least `size` values. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The value of `key`, if the cache still holds it. */
  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  /** Stores a value. */
  set(key: string, value: V): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
