/**
 * How fast one address is answered where nothing of use is asked: what was refused, and what is only read.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** What {@linkcode Pace} needs. */
export interface PaceOptions {
  readonly timer: Timer;
  /** Answers per second in the long run. */
  readonly perSecond: number;
  /** Answers at once after a pause. */
  readonly burst: number;
}

/** Addresses that are remembered. Of more, the one that was idle the longest is forgotten. */
const MAX_ADDRESSES = 4_096;
/** Nobody waits longer, ms. */
const MAX_WAIT_MS = 2_000;

/**
 * Answers of one address, each as long after the one before as its pace asks for. A connection carries one request at a time, so that an answer that
 * waits costs a timer here, and its sender the time that it would have used to send the next. It is no refusal: each is answered.
 */
export class Pace {
  readonly #options: PaceOptions;
  /** When each address's next answer is due, ms of the monotonic clock; the one that was idle the longest first. */
  readonly #due = new Map<string, number>();

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Resolves when it is this address's turn. `undefined`: it is not known, and nobody waits. */
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
