/**
 * What frames cost their source.
 * @module
 */

/**
 * What a frame has cost its source. The source gets it back if the frame was of use: then the work was the cluster's,
 * and not the source's.
 */
export class Charge {
  #us = 0;
  #isReturned = false;
  readonly #spend: (us: number) => void;

  constructor(spend: (us: number) => void) {
    this.#spend = spend;
  }

  /** Charges more work. */
  add(us: number): void {
    if (this.#isReturned) return;
    this.#us += us;
    this.#spend(us);
  }

  /** The frame was of use. */
  giveBack(): void {
    if (this.#isReturned) return;
    this.#isReturned = true;
    this.#spend(-this.#us);
  }
}
