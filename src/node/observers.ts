/**
 * The observers of a node.
 * @module
 */
import type { Observer } from "./ports.ts";

/** A set of observers. Errors that an observer throws are ignored. */
export class Observers {
  readonly #all: Set<Observer>;

  constructor(observers: readonly Observer[] = []) {
    this.#all = new Set(observers);
  }

  /** Adds an observer. Returns a function that removes it. */
  add(observer: Observer): () => void {
    this.#all.add(observer);
    return () => void this.#all.delete(observer);
  }

  /** Calls `what` with each observer. */
  notify(what: (observer: Observer) => void): void {
    for (const observer of this.#all) {
      try {
        what(observer);
      } catch {
        // An observer must not be able to stop the replica.
      }
    }
  }
}
