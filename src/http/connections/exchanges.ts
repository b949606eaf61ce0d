/**
 * Exchanges that are no deliveries, such as questions for the chain of epochs, in the queue for a connection.
 * @module
 */
import { deferred } from "../../node/async/deferred.ts";
import { millis } from "../../core/messages/ids.ts";
import type { Lane, RunningDelivery, Timer, WaitingFrames } from "../../node/ports.ts";

/** Exchanges that may wait. */
const MAX_WAITING = 64;
/** How long one may take, ms. */
const TIMEOUT_MS = 5_000;

/** A queue of exchanges. */
export class Exchanges implements WaitingFrames {
  readonly #waiting: (() => RunningDelivery)[] = [];
  readonly #timer: Timer;
  readonly #onWaiting: () => void;

  /** `onWaiting`: called when one has come. */
  constructor(timer: Timer, onWaiting: () => void) {
    this.#timer = timer;
    this.#onWaiting = onWaiting;
  }

  /** Runs an exchange when a connection is free. Rejects if too many wait, or when its time there is over. */
  run<T>(exchange: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new Error(`${MAX_WAITING} exchanges wait for a connection already`));
    }
    const { promise, resolve, reject } = deferred<T>();
    this.#waiting.push(() => {
      const controller = new AbortController();
      const abort = (reason: DOMException) => controller.abort(reason);
      const timer = this.#timer;
      const tooLate = () => abort(new DOMException("no answer in time", "TimeoutError"));
      // Unlike AbortSignal.timeout, it leaves nothing pending that would keep the host awake.
      const cancel = timer.schedule(millis(timer.now() + TIMEOUT_MS), tooLate);
      const running = exchange(controller.signal).finally(cancel);
      running.then(resolve, reject);
      return { ended: running.then(() => true, () => false), abort };
    });
    this.#onWaiting();
    return promise;
  }

  /** @inheritdoc */
  waits(lane: Lane): boolean {
    return lane === "bulk" && this.#waiting.length > 0;
  }

  /** @inheritdoc */
  start(): RunningDelivery {
    return this.#waiting.shift()!();
  }
}
