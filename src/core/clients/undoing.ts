/**
 * Undoes changes to a table: for a batch that must be run anew, because a part of the state was not in memory.
 * @module
 */

/** Remembers the entries of a table as they were before a batch touched them. Before a {@linkcode mark} it remembers nothing. */
export class Undoing<T> {
  readonly #table: Map<string, T>;
  readonly #copy: (entry: T) => T;
  #before: Map<string, T | undefined> | null = null;

  /** `copy`: a copy that the changes of a batch do not reach. */
  constructor(table: Map<string, T>, copy: (entry: T) => T) {
    this.#table = table;
    this.#copy = copy;
  }

  /** Begins a batch. */
  mark(): void {
    this.#before = new Map();
  }

  /** The entry with this key is about to change or to be added. */
  touch(key: string): void {
    if (!this.#before || this.#before.has(key)) return;
    const entry = this.#table.get(key);
    this.#before.set(key, entry && this.#copy(entry));
  }

  /** An entry was removed from the table. */
  removed(key: string, entry: T): void {
    if (this.#before && !this.#before.has(key)) this.#before.set(key, entry);
  }

  /** Puts the entries back as they were. */
  undo(): void {
    for (const [key, entry] of this.#before ?? []) {
      if (entry === undefined) this.#table.delete(key);
      else this.#table.set(key, entry);
    }
    this.#before = null;
  }

  /** The batch stands. */
  settle(): void {
    this.#before = null;
  }
}
