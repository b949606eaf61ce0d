/**
 * The operations that wait to be sent: a queue of limited size.
 * @module
 */
import type { Rules } from "../epochs/present.ts";
import type { Call } from "./call.ts";
import { QueueFullError } from "../errors.ts";

/** The most that a signed request takes beside its operations, bytes, rounded up. */
const REQUEST_OVERHEAD_BYTES = 512;
/** The most that the codec adds to one operation, bytes. */
const OPERATION_OVERHEAD_BYTES = 9;

/** The limits of a {@linkcode CallQueue}. */
export interface CallQueueBounds {
  readonly maxWaitingOperations: number;
  readonly maxWaitingBytes: number;
}

/** A queue of calls. A call may leave it from any place. */
export class CallQueue {
  readonly #rules: Rules;
  readonly #bounds: CallQueueBounds;
  #calls = new Set<Call>();
  #bytes = 0;

  constructor(rules: Rules, bounds: CallQueueBounds) {
    this.#rules = rules;
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The longest operation that the cluster accepts, bytes. */
  get longest(): number {
    return this.#rules.limits.maxRequestBytes - REQUEST_OVERHEAD_BYTES - OPERATION_OVERHEAD_BYTES;
  }

  /**
   * Checks that an operation may be added.
   * @throws {RangeError} if the operation is longer than the cluster accepts.
   * @throws {QueueFullError} if too much is waiting already.
   */
  checkRoom(operation: Uint8Array): void {
    if (operation.length > this.longest) {
      throw new RangeError(`operation: expected at most ${this.longest} bytes, got ${operation.length}`);
    }
    const { maxWaitingOperations, maxWaitingBytes } = this.#bounds;
    if (this.#calls.size >= maxWaitingOperations || this.#bytes + operation.length > maxWaitingBytes) {
      throw new QueueFullError(this.#calls.size, this.#bytes);
    }
  }

  add(call: Call): void {
    this.#calls.add(call);
    this.#bytes += call.operation.length;
  }

  /** Puts calls that were taken out back in front of the others. */
  putBack(calls: readonly Call[]): void {
    this.#calls = new Set([...calls, ...this.#calls]);
    for (const call of calls) this.#bytes += call.operation.length;
  }

  remove(call: Call): void {
    if (this.#calls.delete(call)) this.#bytes -= call.operation.length;
  }

  /** Takes the oldest calls, at most `max`, as many as fit in one request. */
  takeBundle(max: number): Call[] {
    const taken: Call[] = [];
    let room = this.#rules.limits.maxRequestBytes - REQUEST_OVERHEAD_BYTES;
    for (const call of this.#calls) {
      room -= call.operation.length + OPERATION_OVERHEAD_BYTES;
      // A call that is larger than the present limits, which may have changed since it was added, is sent alone. The
      // replicas deny it.
      if (taken.length === max || (room < 0 && taken.length > 0)) break;
      taken.push(call);
    }
    for (const call of taken) this.remove(call);
    return taken;
  }

  /** All calls, oldest first. */
  all(): Call[] {
    return [...this.#calls];
  }
}
