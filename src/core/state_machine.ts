/**
 * The port of the replicated service.
 * @module
 */
import type { Millis, SequenceNumber } from "./ids.ts";

/** What an operation may know of the world. All replicas see the same values. */
export interface OperationContext {
  /** The batch's place in the one order. The operations of one batch share it. */
  readonly sequence: SequenceNumber;
  /** The agreed time: never runs backwards, bounded by the correct replicas' clocks. */
  readonly timestamp: Millis;
  /** Who asked: a signed client's public key in hex, or `name:` and an unsigned client's name. */
  readonly client: string;
}

/**
 * Throw it from {@linkcode StateMachine.execute} to reject an operation: the client gets the message. Any other
 * error rejects too, with a message that doesn't depend on the runtime's wording.
 */
export class OperationError extends Error {
  /** @ignore */
  override name = "OperationError";
}

/**
 * A deterministic service. The same operations in the same order must give the same results and the same
 * chunks on every replica: no clock, no randomness, no I/O, nothing that depends on iteration order of
 * anything but insertion.
 */
export interface StateMachine {
  /** Name and version of its behaviour, part of the genesis: `key-value/1`. */
  readonly version: string;
  /**
   * Executes one operation and returns its result. If it throws, the state must be as before.
   * @throws {OperationError} to reject the operation.
   */
  execute(operation: Uint8Array, context: OperationContext): Uint8Array;
  /**
   * Answers a read-only operation from the present state.
   * @throws {OperationError} if the operation is not a read, or is rejected.
   */
  query(operation: Uint8Array): Uint8Array;
  /**
   * The chunks that changed since the last call (at the first call: all that are there), by id; `null`: gone.
   * The set of all chunks must depend on the state alone, not on how it came about. Ids are short strings.
   */
  takeChanges(): Iterable<readonly [id: string, chunk: Uint8Array | null]>;
  /**
   * Puts chunks in place, `null`: removes one. Called with all chunks at a restart and with those that differ
   * after a state transfer. Afterwards {@linkcode takeChanges} reports none of it.
   */
  restore(chunks: Iterable<readonly [id: string, chunk: Uint8Array | null]>): void;
}
