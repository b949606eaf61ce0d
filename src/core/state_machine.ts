/**
 * The port of the replicated service.
 * @module
 */
import type { Millis, SequenceNumber } from "./messages/ids.ts";

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
   * Executes one operation and returns its result, at once: a promise, or anything else than a `Uint8Array`, is taken for a failure, and
   * rejects the operation. The bytes are copied. If it throws, the state must be as before.
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
   * The set of all chunks must depend on the state alone, not on how it came about. Ids are short strings. If it throws, nothing counts as
   * reported, and from there on every operation is rejected, until a later call, a restart or a mended machine gives the state.
   */
  takeChanges(): Iterable<readonly [id: string, chunk: Uint8Array | null]>;
  /**
   * Puts chunks in place, `null`: removes one. Called with all chunks at a restart and with those that differ
   * after a state transfer. Afterwards {@linkcode takeChanges} reports none of it.
   */
  restore(chunks: Iterable<readonly [id: string, chunk: Uint8Array | null]>): void;
  /** A machine that can do with a part of its chunks in memory says so here; otherwise all are loaded before it does anything. */
  readonly lazyLoading?: StateByNeed;
}

/**
 * A place among a state's chunks, which are ordered by their ids' code units: the last chunk whose id is not above `at`, or if there
 * is none the first one, with so many `more` that follow it; or the last one whose id is below `before`.
 */
export type ChunkNeed =
  | { readonly at: string; readonly more?: number }
  | { readonly before: string };

/** A chunk as it is in the state of the last checkpoint. */
export interface LoadedChunk {
  /** As {@linkcode StateMachine.takeChanges} gave it. */
  readonly id: string;
  /** Its bytes. */
  readonly chunk: Uint8Array;
  /** Whether there is none before it. */
  readonly isFirst: boolean;
  /** The id of the one after it; `null`: it is the last. */
  readonly next: string | null;
}

/**
 * Work with a part of the state in memory. Nothing that a machine gives out may depend on which part that is: results and chunks are
 * those of a machine that has everything.
 */
export interface StateByNeed {
  /** Forgets everything: its state is now another one, none of whose chunks is in memory; `isEmpty`: there are none. */
  unload(isEmpty: boolean): void;
  /** Chunks come into memory, in any order. Those that are there already, and may have changed, stay. */
  load(chunks: Iterable<LoadedChunk>): void;
  /** What must be loaded before these operations can be executed one after another, or answered as queries. None: they can be. */
  needs(operations: readonly Uint8Array[]): readonly ChunkNeed[];
  /** What must be loaded before {@linkcode StateMachine.takeChanges}. Nothing is executed in between. None: it can be called. */
  needsToSeal(): readonly ChunkNeed[];
}
