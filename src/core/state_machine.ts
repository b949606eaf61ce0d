/**
 * The port of the state machine: the replicated service.
 * @module
 */
import type { Millis, SequenceNumber } from "./messages/ids.ts";

/** The facts that an operation may depend on besides the state. All replicas see the same values. */
export interface OperationContext {
  /** The sequence number of the batch. All operations of one batch share it. */
  readonly sequence: SequenceNumber;
  /** The agreed time. It never falls, and the correct replicas' clocks bound it. */
  readonly timestamp: Millis;
  /** The client: a signed client's public key in hex, or `name:` and an unsigned client's name. */
  readonly client: string;
}

/**
 * Thrown by {@linkcode StateMachine.execute} to reject an operation; the client gets the message. Any other error
 * rejects it too, with a message that does not depend on the runtime's wording.
 */
export class OperationError extends Error {
  /** @ignore */
  override name = "OperationError";
}

/** A change of the state, for those who watch it. All replicas tell the same changes in the same order. */
export interface StateChange {
  /** The key; well-formed Unicode. */
  readonly key: string;
  /** The new value; `null`: the key was removed. */
  readonly value: string | null;
}

/**
 * Thrown by `execute` and `query` of a machine with {@linkcode LazyLoading.undo}: what the operation touches is not in
 * memory. The operation is run anew when these chunks are loaded. It must have changed nothing.
 */
export class NotLoadedError extends Error {
  /** @ignore */
  override name = "NotLoadedError";
  /** The chunks to load. */
  readonly needs: readonly ChunkNeed[];
  /** @ignore */
  constructor(needs: readonly ChunkNeed[]) {
    super("a part of the state is not in memory");
    this.needs = needs;
  }
}

/**
 * A deterministic service. The same operations in the same order must give the same results and the same chunks on
 * every replica. So it must use no clock, no randomness and no I/O, and may not depend on any iteration order except
 * insertion order.
 */
export interface StateMachine {
  /** The name and version of its behaviour, such as `key-value/1`. Part of the genesis. */
  readonly version: string;
  /**
   * Executes one operation and returns its result at once. A promise, or anything else than a `Uint8Array`, counts as a
   * failure and rejects the operation. The bytes are copied. If it throws, the state must be as before.
   * @throws {OperationError} to reject the operation.
   */
  execute(operation: Uint8Array, context: OperationContext): Uint8Array;
  /**
   * Answers a read from the present state. `context` has the caller, the number of the last batch and its agreed time;
   * a replica always gives it. Replicas that differ in the number may still give equal answers, and a client needs a
   * quorum of them, so an answer should not contain the number or the time themselves.
   *
   * A client has a read ordered if no quorum gives equal answers. So `execute` must answer whatever `query` answers, and
   * change nothing.
   * @throws {OperationError} if the operation is not a read, or is rejected.
   */
  query(operation: Uint8Array, context?: OperationContext): Uint8Array;
  /**
   * Returns the chunks that changed since the last call, by id; `null` for a removed chunk. The first call returns all
   * chunks. The set of all chunks must depend on the state alone, and not on how it came about. Ids are short strings.
   * If it throws, no change counts as reported, and from then on every operation is rejected until a later call, a
   * restart or a mended machine gives the state.
   */
  takeChanges(): Iterable<readonly [id: string, chunk: Uint8Array | null]>;
  /**
   * Optional: takes the changes as {@linkcode StateMachine.takeChanges} does, and makes the chunks later, one at a time,
   * while operations go on. Then no checkpoint holds the replica up, however much has changed. Until all are given,
   * `freezeChanges` is not called again; if `takeChanges` is, it gives those that are left too. It may throw as
   * `takeChanges` may. `next` may not throw.
   */
  freezeChanges?(): FrozenChanges;
  /**
   * Puts chunks in place; `null` removes one. It is called with all chunks at a restart, and with those that differ
   * after a state transfer. Afterwards {@linkcode takeChanges} must not report them.
   */
  restore(chunks: Iterable<readonly [id: string, chunk: Uint8Array | null]>): void;
  /**
   * Present if the machine can tell what it changes, for those who watch the state. From now on `listener` is called for
   * each change that counts, while the operation that makes it is executed; `null`: no more.
   */
  observeChanges?(listener: ((change: StateChange) => void) | null): void;
  /**
   * Present if the machine can work with only some of its chunks in memory. Otherwise all chunks are loaded before it
   * is used.
   */
  readonly lazyLoading?: LazyLoading;
}

/** Changes of a state machine as of one moment. */
export interface FrozenChanges {
  /** At most how many are left. It falls with each call of {@linkcode FrozenChanges.next}. */
  readonly size: number;
  /** The next one: a chunk as it was at that moment; `null` in place of the bytes if it was removed. `null`: no more. */
  next(): readonly [id: string, chunk: Uint8Array | null] | null;
}

/**
 * A place among the chunks of a state, which are ordered by the code units of their ids. `at`: the last chunk whose id
 * is not above `at`, or the first chunk if there is none, and the `more` chunks after it. `before`: the last chunk
 * whose id is below `before`.
 */
export type ChunkNeed =
  | { readonly at: string; readonly more?: number }
  | { readonly before: string };

/**
 * A stored chunk, with its place among the stored ones. While a checkpoint is stored in slices, chunks of it that were removed are no
 * longer there, and some that replace them are not there yet. The latter are in the machine's memory, so what is in memory counts more
 * than `isFirst` and `next`.
 */
export interface LoadedChunk {
  /** Its id, as {@linkcode StateMachine.takeChanges} gave it. */
  readonly id: string;
  /** Its bytes. */
  readonly chunk: Uint8Array;
  /** Whether it is the first chunk. */
  readonly isFirst: boolean;
  /** The id of the next chunk; `null` if it is the last. */
  readonly next: string | null;
}

/** Checks the chunks of a state one by one. */
export interface ChunkChecker {
  /** The next chunk, by ascending id. @throws what `restore` throws. */
  next(id: string, chunk: Uint8Array): void;
  /** There are no more. @throws what `restore` throws. */
  end(): void;
}

/**
 * Lazy loading: a machine that works with a part of its state in memory. Results and chunks must not depend on which
 * part that is; they must be those of a machine that has everything in memory.
 */
export interface LazyLoading {
  /**
   * Forgets everything: the machine now has another state, none of whose chunks is in memory. `isEmpty`: that state has
   * no chunks.
   */
  unload(isEmpty: boolean): void;
  /** Puts chunks in memory, in any order. A chunk that is there already, and may have changed, stays as it is. */
  load(chunks: Iterable<LoadedChunk>): void;
  /**
   * Optional: begins to check that chunks are all chunks of one state, as {@linkcode StateMachine.restore} does, without
   * keeping them.
   */
  checker?(): ChunkChecker;
  /**
   * The chunks that must be loaded before these operations can be executed one after another, or answered as queries.
   * Empty if none is missing.
   */
  needs(operations: readonly Uint8Array[]): readonly ChunkNeed[];
  /**
   * The chunks that must be loaded before {@linkcode StateMachine.takeChanges}. Nothing is executed in between. Empty
   * if none is missing.
   */
  needsToSeal(): readonly ChunkNeed[];
  /**
   * Begins a batch: {@linkcode undo} goes back to the present state. Returns false if all of the state is in memory, so
   * that no operation of the batch can lack a part.
   */
  mark?(): boolean;
  /**
   * Goes back to the state of the last {@linkcode mark}. A machine with `mark` and `undo` may throw a
   * {@linkcode NotLoadedError}, so that `needs` need not know all that an operation touches.
   */
  undo?(): void;
}
