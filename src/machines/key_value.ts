/**
 * A replicated key-value store.
 * @module
 */
import { OperationError, type StateMachine } from "../core/state_machine.ts";
import { BucketFullError, ChunkedMap } from "./_chunked_map.ts";
import { jsonBytes, shown } from "./_text.ts";
import { decodeOperation, encodeResult, MAX_KEYS, MAX_KEYS_BYTES } from "./key_value_operation.ts";
import type { KeyValueOperation, KeyValueResults } from "./key_value_operation.ts";

type Of<O extends KeyValueOperation["op"]> = Extract<KeyValueOperation, { op: O }>;

/**
 * Texts under texts, with SET, GET, DEL, CAS, INCR and KEYS. Operations and results are JSON, and operations may be
 * text commands: see {@linkcode KeyValueOperation} and `key_value_operation.ts`, where the forms and the limits are.
 * A checkpoint costs what has changed since the one before, not what is there.
 *
 * @example
 * ```ts
 * const machine = new KeyValue();
 * const run = (command: string) => new TextDecoder().decode(machine.execute(new TextEncoder().encode(command)));
 * console.log(run("SET name Ada"), run("GET name"), run("INCR visits")); // "OK" "Ada" 1
 * ```
 */
export class KeyValue implements StateMachine {
  /** Grows when the same operations would give other results or other chunks. */
  readonly version = "key-value/1";
  readonly #map: ChunkedMap = new ChunkedMap();

  /** How many keys there are. */
  get size(): number {
    return this.#map.size;
  }

  /** Executes an operation. @throws {OperationError} that says what was expected and what came; nothing has changed then. */
  execute(operation: Uint8Array): Uint8Array {
    return this.#run(decodeOperation(operation));
  }

  /** Executes a `get` or a `keys`. @throws {OperationError} if it is something else, or a bad one. */
  query(operation: Uint8Array): Uint8Array {
    const read = decodeOperation(operation);
    if (read.op !== "get" && read.op !== "keys") {
      throw new OperationError(`query: expected get or keys, got ${read.op}`);
    }
    return this.#run(read);
  }

  /** The chunks that changed since the last call, by ascending id. */
  takeChanges(): Iterable<readonly [id: string, chunk: Uint8Array | null]> {
    return this.#map.takeChanges();
  }

  /**
   * Puts chunks in place; {@linkcode KeyValue.takeChanges} comes before.
   * @throws {TypeError} if they, with those that stay, are not the chunks of one state; the machine is of no use then.
   */
  restore(chunks: Iterable<readonly [id: string, chunk: Uint8Array | null]>): void {
    this.#map.restore(chunks);
  }

  #run(operation: KeyValueOperation): Uint8Array {
    switch (operation.op) {
      case "set":
        this.#put(operation.key, operation.value);
        return encodeResult("OK");
      case "get":
        return encodeResult(this.#map.get(operation.key) ?? null);
      case "del":
        return encodeResult(this.#map.delete(operation.key));
      case "cas":
        return encodeResult(this.#cas(operation));
      case "incr":
        return encodeResult(this.#incr(operation));
      case "keys":
        return encodeResult(this.#keys(operation));
    }
  }

  #cas({ key, expected, value }: Of<"cas">): KeyValueResults["cas"] {
    const present = this.#map.get(key) ?? null;
    if (present !== expected) return { swapped: false, value: present };
    if (value === null) this.#map.delete(key);
    else this.#put(key, value);
    return { swapped: true };
  }

  #incr({ key, by = 1 }: Of<"incr">): number {
    const present = this.#map.get(key) ?? "0";
    const number = Number(present);
    if (!Number.isSafeInteger(number) || String(number) !== present) {
      throw new OperationError(
        `incr: expected an integer within ±(2^53 - 1) under ${shown(key)}, got ${shown(present)}`,
      );
    }
    const sum = number + by;
    if (!Number.isSafeInteger(sum)) {
      throw new OperationError(`incr: expected a sum within ±(2^53 - 1), got ${number} + ${by}`);
    }
    this.#put(key, String(sum));
    return sum;
  }

  #keys({ prefix = "", after }: Of<"keys">): KeyValueResults["keys"] {
    const keys: string[] = [];
    let bytes = 0;
    for (const key of this.#map.keysFrom(after !== undefined && after > prefix ? after : prefix)) {
      if (!key.startsWith(prefix)) break;
      if (key === after) continue;
      // With the comma that parts it from the next.
      bytes += jsonBytes(key) + 1;
      if (keys.length === MAX_KEYS || bytes > MAX_KEYS_BYTES) return { keys, truncated: true };
      keys.push(key);
    }
    return { keys, truncated: false };
  }

  #put(key: string, value: string): void {
    try {
      this.#map.set(key, value);
    } catch (error) {
      if (!(error instanceof BucketFullError)) throw error;
      throw new OperationError(`key: expected one whose hash few others have, got ${shown(key)}`);
    }
  }
}
