/**
 * A semaphore: limits how many callers work at the same time. The others wait in order, and the number of those is limited too.
 * @module
 */
import { QueueFullError } from "../errors.ts";

/** The limits of a {@linkcode Semaphore}. */
export interface SemaphoreBounds {
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly maxBytes: number;
}

interface Waiter {
  readonly bytes: number;
  readonly start: () => void;
}

/** Admits callers up to a limit. */
export class Semaphore {
  readonly #bounds: SemaphoreBounds;
  readonly #waiting = new Set<Waiter>();
  #bytes = 0;
  #inFlight = 0;

  constructor(bounds: SemaphoreBounds) {
    this.#bounds = bounds;
  }

  /** How many callers wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves when the caller may work. The caller must then call {@linkcode leave} once.
   * @throws {QueueFullError} if too many callers wait already; `signal.reason` if the signal aborts first.
   */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#inFlight < this.#bounds.maxInFlight && this.#waiting.size === 0) {
      this.#inFlight++;
      return;
    }
    const { maxWaiting, maxBytes } = this.#bounds;
    if (this.#waiting.size >= maxWaiting || this.#bytes + bytes > maxBytes) {
      throw new QueueFullError(this.#waiting.size, this.#bytes);
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#remove(waiter);
        reject(signal.reason);
      };
      const start = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const waiter = { bytes, start };
      this.#waiting.add(waiter);
      this.#bytes += bytes;
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Ends the caller's work, and admits the next caller. */
  leave(): void {
    const [next] = this.#waiting;
    if (!next) return void this.#inFlight--;
    this.#remove(next);
    next.start();
  }

  #remove(waiter: Waiter): void {
    if (this.#waiting.delete(waiter)) this.#bytes -= waiter.bytes;
  }
}
