/**
 * Tells the reader that counts statements that a stream has brought something.
 * @module
 */

/** Wakes all who wait for news. */
export class News {
  #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  tell(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
