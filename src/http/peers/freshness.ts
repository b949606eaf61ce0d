/**
 * Whether what a member has stamped comes for the first time.
 * @module
 */

/** Codes that are remembered. At 10,000 deliveries a second, what comes later than others by less than a second is still fresh. */
const REMEMBERED = 8_192;
/** If nothing fresh has come from a member for so long, its clock may have been set back: its stamps are believed anew, ms. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * The stamps of one member. The newest codes are remembered; a stamp below those that were forgotten is stale. No clock is compared with
 * another: a member whose clock is wrong by any amount is fresh. One whose clock was set back while it was restarted counts as a stranger until
 * it has been silent, in this sense, for a minute.
 */
export class Freshness {
  readonly #monotonic: () => number;
  /** In the order in which they came. */
  readonly #stamps = new Map<string, number>();
  #floor = -1;
  #notedAt = 0;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Whether it is fresh if its code is right. */
  mayBe(stamp: number, code: string): boolean {
    if (this.#stamps.has(code)) return false;
    return stamp > this.#floor || this.#monotonic() - this.#notedAt > FORGOTTEN_AFTER_MS;
  }

  /** It was fresh. */
  note(stamp: number, code: string): void {
    if (stamp <= this.#floor) {
      this.#stamps.clear();
      this.#floor = -1;
    }
    this.#notedAt = this.#monotonic();
    this.#stamps.set(code, stamp);
    if (this.#stamps.size <= REMEMBERED) return;
    const [oldest, at] = this.#stamps.entries().next().value!;
    this.#stamps.delete(oldest);
    this.#floor = Math.max(this.#floor, at);
  }
}
