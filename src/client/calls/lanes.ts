/**
 * So many at once; the others wait their turn, in order and within bounds.
 * @module
 */
import { QueueFullError } from "../errors.ts";

/** How much may be under way, and wait. */
export interface LaneBounds {
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly maxBytes: number;
}

interface Waiter {
  readonly bytes: number;
  readonly start: () => void;
}

/** Lets callers through. */
export class Lanes {
  readonly #bounds: LaneBounds;
  readonly #waiting = new Set<Waiter>();
  #bytes = 0;
  #inFlight = 0;

  constructor(bounds: LaneBounds) {
    this.#bounds = bounds;
  }

  /** Callers that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves when it is the caller's turn, who then must call {@linkcode leave}.
   * @throws {QueueFullError} if too many wait already, or `signal.reason` if it aborts before.
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

  /** The next one's turn. */
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
