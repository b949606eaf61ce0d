/**
 * The keys of a table that changed. They can be frozen: the frozen entries are then given one by one, as they were at that
 * moment, while the table goes on changing. An entry is copied just before it changes for the first time, so freezing costs
 * nothing by itself.
 * @module
 */

/** The changed keys of one table. */
export class ChangedKeys<T> {
  readonly #copy: (key: string) => T;
  #changed = new Set<string>();
  /** Frozen, not given yet, and not changed since. */
  #waiting = new Set<string>();
  /** Frozen, not given yet, and changed since: the entries as they were. */
  readonly #kept = new Map<string, T>();

  /** `copy`: the present entry, as a copy that later changes do not reach. */
  constructor(copy: (key: string) => T) {
    this.#copy = copy;
  }

  /** How many frozen entries were not given yet. */
  get frozen(): number {
    return this.#waiting.size + this.#kept.size;
  }

  /** The entry with this key is about to change, to be added, or to be removed. */
  touch(key: string): void {
    this.#changed.add(key);
    if (this.#waiting.size > 0 && this.#waiting.delete(key)) this.#kept.set(key, this.#copy(key));
  }

  /** As {@linkcode ChangedKeys.touch} for an entry that has left the table already. */
  removed(key: string, entry: T): void {
    this.#changed.add(key);
    if (this.#waiting.delete(key)) this.#kept.set(key, entry);
  }

  /** Freezes the changes so far. None may be frozen already. */
  freeze(): void {
    [this.#waiting, this.#changed] = [this.#changed, new Set()];
  }

  /** The next frozen entry; `null` if all were given. */
  next(): readonly [key: string, entry: T] | null {
    for (const [key, entry] of this.#kept) {
      this.#kept.delete(key);
      return [key, entry];
    }
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      return [key, this.#copy(key)];
    }
    return null;
  }

  /** Whether an entry changed that was not given yet. */
  has(key: string): boolean {
    return this.#changed.has(key) || this.#waiting.has(key) || this.#kept.has(key);
  }

  /** Takes all changed keys, also the frozen ones, sorted: the caller reads the present entries. */
  take(): readonly string[] {
    const keys = this.keys();
    this.clear();
    return keys;
  }

  /** All changed keys, also the frozen ones, sorted. */
  keys(): readonly string[] {
    return [...new Set([...this.#changed, ...this.#waiting, ...this.#kept.keys()])].sort();
  }

  /** The entry was replaced by one that counts as unchanged. */
  forget(key: string): void {
    this.#changed.delete(key);
    this.#waiting.delete(key);
    this.#kept.delete(key);
  }

  /** Forgets all changes. */
  clear(): void {
    this.#changed.clear();
    this.#waiting.clear();
    this.#kept.clear();
  }
}
