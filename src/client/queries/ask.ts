/**
 * One operation of a query, and the callers that wait for its result.
 * @module
 */
import type { Call } from "../calls/call.ts";

/** A read that waits to be sent, or was sent, or is being ordered. */
export class Ask {
  /** The callers that have not ended. */
  readonly calls = new Set<Call<Uint8Array>>();
  /** How often the replicas disagreed on it. */
  splits = 0;
  /** Called when the last caller has left. */
  onAbandoned: () => void = () => {};

  constructor(
    /** Equal for equal operations. */
    readonly key: string,
    readonly operation: Uint8Array,
    /** How long to wait before the next attempt when it was not answered, ms. */
    public pauseMs: number,
  ) {}

  /** Gives each caller bytes of its own. */
  resolve(value: Uint8Array): void {
    for (const call of this.calls) call.resolve(value.slice());
  }

  reject(error: unknown): void {
    for (const call of this.calls) call.reject(error);
  }

  /** Notes that a caller's call has ended. */
  leave(call: Call<Uint8Array>): void {
    if (this.calls.delete(call) && this.calls.size === 0) this.onAbandoned();
  }
}
