/**
 * Those who hear what happens in a node.
 * @module
 */
import type { Observer } from "./ports.ts";

/** Observers. One that throws harms nobody. */
export class Observers {
  readonly #all: Set<Observer>;

  constructor(observers: readonly Observer[] = []) {
    this.#all = new Set(observers);
  }

  /** Adds one; gives what removes it. */
  add(observer: Observer): () => void {
    this.#all.add(observer);
    return () => void this.#all.delete(observer);
  }

  /** Tells all of them. */
  tell(what: (observer: Observer) => void): void {
    for (const observer of this.#all) {
      try {
        what(observer);
      } catch {
        // Whoever only listens can't be allowed to stop the replica.
      }
    }
  }
}
