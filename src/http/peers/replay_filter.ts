/**
 * Replay protection: tells whether a stamped message of a member has been seen before.
 * @module
 */

/**
 * Number of remembered codes. At 10,000 deliveries a second, a message that arrives up to 0.8 s after later ones is
 * still accepted.
 */
const REMEMBERED = 8_192;
/**
 * If nothing fresh has come from a member for this time, its clock may have been set back, and its stamps are accepted
 * anew, ms.
 */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * The stamps of one member. The newest codes are remembered; a stamp below the forgotten ones is stale. Clocks are not
 * compared with each other, so a member with a wrong clock is still accepted. A member whose clock was set back during
 * a restart counts as a stranger until it has sent nothing fresh for a minute.
 */
export class ReplayFilter {
  readonly #monotonic: () => number;
  /** In order of arrival. */
  readonly #stamps = new Map<string, number>();
  #floor = -1;
  #notedAt = 0;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Whether a message with this stamp is fresh. The caller checks the code. */
  isFresh(stamp: number, code: string): boolean {
    if (this.#stamps.has(code)) return false;
    return stamp > this.#floor || this.#monotonic() - this.#notedAt > FORGOTTEN_AFTER_MS;
  }

  /** Records a fresh message. */
  record(stamp: number, code: string): void {
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
