/**
 * Decides when the gateway signs the operations that wait: at once, or a little later, together with those that are likely to come soon.
 *
 * A bundle costs all replicas several milliseconds, whatever its size. Callers that were answered together ask again within a millisecond
 * or two, but one after the other. If the first of them were signed at once, each cycle would take several small bundles. So operations
 * wait for the bundle in flight, and then until as many are there as are likely to come; but no longer than for a share of the time
 * that bundles take. A lone caller never waits.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../ports.ts";

/** The longest waits, as shares of what bundles take: for a bundle in flight, and for callers to come back. */
const SHARE = { inFlight: 0.5, comingBack: 0.15 };
/** The longest wait, ms. */
const MAX_WAIT_MS = 50;
/** A shorter wait is none, ms: timers take as long. */
const LEAST_WAIT_MS = 1;

/** What {@linkcode Gathering} is made from. */
export interface GatheringOptions {
  readonly timer: Timer;
  /** Called when a wait is over. */
  readonly wake: () => void;
}

/** The decision for one gateway. */
export class Gathering {
  readonly #options: GatheringOptions;
  /** How long bundles take, ms, averaged. */
  #bundleMs = 0;
  /** The operations that are likely to wait soon: those of the callers just answered, and those that waited then. */
  #expected = 0;
  #isOver = false;
  #alarm: { readonly share: number; readonly cancel: () => void } | null = null;

  constructor(options: GatheringOptions) {
    this.#options = options;
  }

  /** Whether the operations that wait are to be signed now. If not, `wake` is called when they are. */
  isComplete(waiting: number, inFlight: number): boolean {
    const share = inFlight > 0 ? SHARE.inFlight : SHARE.comingBack;
    const waitMs = Math.min(share * this.#bundleMs, MAX_WAIT_MS);
    const areAllHere = inFlight === 0 && waiting >= this.#expected;
    if (areAllHere || this.#isOver || waitMs < LEAST_WAIT_MS) {
      this.stop();
      return true;
    }
    this.#wait(share, waitMs);
    return false;
  }

  #wait(share: number, ms: number): void {
    const { timer, wake } = this.#options;
    if (this.#alarm?.share === share) return;
    this.#alarm?.cancel();
    const cancel = timer.schedule(millis(timer.now() + Math.ceil(ms)), () => {
      this.#alarm = null;
      this.#isOver = true;
      wake();
    });
    this.#alarm = { share, cancel };
  }

  /** A bundle of so many operations was answered after `tookMs`, while others waited. */
  onAnswered(operations: number, waiting: number, tookMs: number): void {
    this.#expected = operations + waiting;
    this.#bundleMs += (tookMs - this.#bundleMs) / 8;
  }

  /** Ends a wait. */
  stop(): void {
    this.#isOver = false;
    this.#alarm?.cancel();
    this.#alarm = null;
  }
}
