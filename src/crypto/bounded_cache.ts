/**
 * A cache of bounded size that keeps what is in use.
 * @module
 */

/**
 * Remembers at least the `size` values that were used last, and at most twice as many. A flood of values that are used
 * once (the keys of clients that come and go) doesn't push out what is used all the time (the members' keys).
 */
export class BoundedCache<V> {
  readonly #size: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** A cache of at least `size` values. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The value, if it is remembered. */
  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  /** Remembers a value. */
  set(key: string, value: V): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
