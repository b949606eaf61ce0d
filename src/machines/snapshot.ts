/**
 * The shortest way to write a state machine: return the whole state as bytes; {@linkcode snapshotMachine} cuts it into
 * chunks.
 * @module
 */
import { type OperationContext, OperationError, type StateMachine } from "../core/state_machine.ts";
import { concatBytes, equalBytes } from "../core/tree/bytes.ts";

/** A deterministic service that can write its whole state as bytes. */
export interface SnapshotMachine {
  /** Name and version of its behaviour, for example `counter/1`. It is part of the genesis. */
  readonly version: string;
  /**
   * Executes one operation and returns its result. If it throws, the state must be the same as before the call.
   * @throws {OperationError} to reject the operation.
   */
  execute(operation: Uint8Array, context: OperationContext): Uint8Array;
  /**
   * Answers a read-only operation. Without this method all queries are rejected. A client has a read ordered if no
   * quorum of replicas gives equal answers: then `execute` gets it, and must answer it without a change.
   * @throws {OperationError} to reject the operation, or because it is not a read.
   */
  query?(operation: Uint8Array): Uint8Array;
  /**
   * The whole state as bytes; may be empty. Equal states must give equal bytes: sort everything that has no order, such
   * as the keys of a map. If this throws, or returns something other than a `Uint8Array`, operations are rejected from
   * then on.
   */
  snapshot(): Uint8Array;
  /** Replaces the state by one that {@linkcode SnapshotMachine.snapshot} returned on some replica. */
  restore(snapshot: Uint8Array): void;
}

/** How {@linkcode snapshotMachine} cuts a snapshot. */
export interface SnapshotOptions {
  /** Size of a chunk, bytes. All replicas must use the same size. Default 16 KiB. */
  readonly chunkBytes?: number;
}

/**
 * Makes a {@linkcode StateMachine} from a machine with a `snapshot()`. It cuts the snapshot into chunks of one size and
 * reports those that changed since the last time, so that a replica that lags fetches only these. At every checkpoint
 * it takes a snapshot, whose cost in time and memory is proportional to the whole state: use it for states of a few
 * megabytes. It copies the bytes that `snapshot()` returns, so they may change afterwards.
 *
 * @throws {RangeError} if `chunkBytes` is not a positive integer.
 *
 * @example
 * ```ts
 * import { OperationError, snapshotMachine } from "@pbft/edge";
 *
 * const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
 * let count = 0;
 * const counter = snapshotMachine({
 *   version: "counter/1",
 *   // A read may be ordered, so `execute` answers it, too.
 *   execute: (operation) => new TextEncoder().encode(String(text(operation) === "read" ? count : ++count)),
 *   query(operation) {
 *     if (text(operation) !== "read") throw new OperationError("not a read");
 *     return new TextEncoder().encode(String(count));
 *   },
 *   snapshot: () => new TextEncoder().encode(String(count)),
 *   restore: (bytes) => void (count = Number(text(bytes))),
 * });
 * console.log([...counter.takeChanges()]); // [ [ "0", Uint8Array(1) [ 48 ] ] ]
 * ```
 */
export function snapshotMachine(machine: SnapshotMachine, options: SnapshotOptions = {}): StateMachine {
  const { chunkBytes = 16 * 1024 } = options;
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) {
    throw new RangeError(`chunkBytes: expected a positive integer, got ${chunkBytes}`);
  }
  return new ChunkedSnapshots(machine, chunkBytes);
}

/**
 * The chunk with index i, counted from 0, has the id `String(i)`. All chunks but the last are full, and none is empty.
 */
class ChunkedSnapshots implements StateMachine {
  readonly version: string;
  readonly #machine: SnapshotMachine;
  readonly #chunkBytes: number;
  /** The chunks at the last `takeChanges` or `restore`. */
  #chunks: Uint8Array[] = [];

  constructor(machine: SnapshotMachine, chunkBytes: number) {
    this.version = machine.version;
    this.#machine = machine;
    this.#chunkBytes = chunkBytes;
  }

  execute(operation: Uint8Array, context: OperationContext): Uint8Array {
    return this.#machine.execute(operation, context);
  }

  query(operation: Uint8Array): Uint8Array {
    if (!this.#machine.query) throw new OperationError(`query: ${this.version} answers none`);
    return this.#machine.query(operation);
  }

  takeChanges(): Iterable<readonly [id: string, chunk: Uint8Array | null]> {
    const before = this.#chunks;
    const snapshot: unknown = this.#machine.snapshot();
    if (!(snapshot instanceof Uint8Array)) {
      throw new TypeError(`snapshot: expected a Uint8Array, got ${snapshot === null ? "null" : typeof snapshot}`);
    }
    const now = this.#cut(snapshot);
    const changes: (readonly [string, Uint8Array | null])[] = [];
    for (let index = 0; index < Math.max(before.length, now.length); index++) {
      const chunk = now[index];
      if (!chunk) changes.push([String(index), null]);
      else if (!before[index] || !equalBytes(before[index]!, chunk)) changes.push([String(index), chunk]);
    }
    this.#chunks = now;
    return changes;
  }

  restore(chunks: Iterable<readonly [id: string, chunk: Uint8Array | null]>): void {
    const parts = new Map(this.#chunks.map((chunk, index) => [String(index), chunk]));
    for (const [id, chunk] of chunks) {
      if (chunk) parts.set(id, chunk.slice());
      else parts.delete(id);
    }
    const ordered = Array.from({ length: parts.size }, (_, index) => {
      const chunk = parts.get(String(index));
      if (!chunk) {
        throw new TypeError(`restore: expected the chunks 0 to ${parts.size - 1}, got none with the id ${index}`);
      }
      const isFull = index < parts.size - 1
        ? chunk.length === this.#chunkBytes
        : chunk.length > 0 && chunk.length <= this.#chunkBytes;
      if (!isFull) {
        throw new TypeError(
          `restore: expected chunks of ${this.#chunkBytes} bytes, got one of ${chunk.length} as ${index}`,
        );
      }
      return chunk;
    });
    this.#machine.restore(concatBytes(ordered));
    this.#chunks = ordered;
  }

  #cut(snapshot: Uint8Array): Uint8Array[] {
    const count = Math.ceil(snapshot.length / this.#chunkBytes);
    return Array.from(
      { length: count },
      // Not `slice`: that of a Node.js `Buffer` does not copy.
      (_, index) => new Uint8Array(snapshot.subarray(index * this.#chunkBytes, (index + 1) * this.#chunkBytes)),
    );
  }
}
