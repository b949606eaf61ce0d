/**
 * Throttle per address for cheap requests that do no useful work: refused requests and reads.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** Options of {@linkcode Throttle}. */
export interface ThrottleOptions {
  readonly timer: Timer;
  /** Answers per second, on average. */
  readonly perSecond: number;
  /** Answers at once after a pause. */
  readonly burst: number;
}

/** Maximum number of remembered addresses; beyond it the least recently used is forgotten. */
const MAX_ADDRESSES = 4_096;
/** Maximum delay of one answer, ms. */
const MAX_WAIT_MS = 2_000;

/**
 * Delays the answers to one address so that they keep the configured rate. It refuses nothing. A connection carries one
 * request at a time, so a delayed answer costs this host one timer, and the sender cannot send its next request on that
 * connection meanwhile.
 */
export class Throttle {
  readonly #options: ThrottleOptions;
  /** When the next answer to each address is due, ms of the monotonic clock. In order of last use. */
  readonly #due = new Map<string, number>();

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the answer to this address is due; at once if the address is `undefined`. `cost`: how many answers it
   * counts for.
   */
  async turn(address: string | undefined, cost = 1): Promise<void> {
    if (address === undefined) return;
    const waitMs = this.#waitMs(address, cost);
    if (waitMs < 1) return;
    const { timer } = this.#options;
    await new Promise<void>((resolve) => void timer.schedule(millis(timer.now() + Math.ceil(waitMs)), resolve));
  }

  #waitMs(address: string, cost: number): number {
    const { timer, perSecond, burst } = this.#options;
    const now = timer.monotonic();
    const due = Math.max(this.#due.get(address) ?? 0, now - burst / perSecond * 1000) + cost / perSecond * 1000;
    const waitMs = Math.min(due - now, MAX_WAIT_MS);
    this.#due.delete(address);
    this.#due.set(address, now + waitMs);
    if (this.#due.size > MAX_ADDRESSES) this.#due.delete(this.#due.keys().next().value!);
    return waitMs;
  }
}
