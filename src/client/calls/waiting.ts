/**
 * The operations that wait to be sent, in order and within bounds.
 * @module
 */
import type { Limits } from "../../core/config.ts";
import type { Call } from "./call.ts";
import { QueueFullError } from "../errors.ts";

/** What a signed request needs beside its operations, bytes; rounded up. */
const REQUEST_OVERHEAD_BYTES = 512;
/** What the codec adds to one operation at most, bytes. */
const OPERATION_OVERHEAD_BYTES = 9;

/** How much may wait. */
export interface WaitingBounds {
  readonly maxOperations: number;
  readonly maxBytes: number;
}

/** A queue from whose middle callers may leave. */
export class Waiting {
  readonly #limits: Limits;
  readonly #bounds: WaitingBounds;
  #calls = new Set<Call>();
  #bytes = 0;

  constructor(limits: Limits, bounds: WaitingBounds) {
    this.#limits = limits;
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#calls.size;
  }

  /**
   * @throws {RangeError} if the operation is longer than the cluster takes.
   * @throws {QueueFullError} if too much waits already.
   */
  checkRoom(operation: Uint8Array): void {
    const most = this.#limits.maxRequestBytes - REQUEST_OVERHEAD_BYTES - OPERATION_OVERHEAD_BYTES;
    if (operation.length > most) {
      throw new RangeError(`operation: expected at most ${most} bytes, got ${operation.length}`);
    }
    const { maxOperations, maxBytes } = this.#bounds;
    if (this.#calls.size >= maxOperations || this.#bytes + operation.length > maxBytes) {
      throw new QueueFullError(this.#calls.size, this.#bytes);
    }
  }

  add(call: Call): void {
    this.#calls.add(call);
    this.#bytes += call.operation.length;
  }

  /** Puts calls that were taken out back in front. */
  putBack(calls: readonly Call[]): void {
    this.#calls = new Set([...calls, ...this.#calls]);
    for (const call of calls) this.#bytes += call.operation.length;
  }

  remove(call: Call): void {
    if (this.#calls.delete(call)) this.#bytes -= call.operation.length;
  }

  /** Takes out as many calls, oldest first and at most `max`, as fit in one request. */
  takeBundle(max: number): Call[] {
    const taken: Call[] = [];
    let room = this.#limits.maxRequestBytes - REQUEST_OVERHEAD_BYTES;
    for (const call of this.#calls) {
      room -= call.operation.length + OPERATION_OVERHEAD_BYTES;
      if (room < 0 || taken.length === max) break;
      taken.push(call);
    }
    for (const call of taken) this.remove(call);
    return taken;
  }

  /** All that wait, oldest first. */
  all(): Call[] {
    return [...this.#calls];
  }
}
