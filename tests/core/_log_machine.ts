import { OperationError, type StateMachine } from "../../src/core/state_machine.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** Appends each operation's text to a log per key: `key=value`. Shows order and doubling at once. */
export class LogMachine implements StateMachine {
  constructor(readonly version = "log/1") {}

  readonly logs = new Map<string, string[]>();
  readonly #dirty = new Set<string>();

  execute(operation: Uint8Array): Uint8Array {
    const [key, value] = text.decode(operation).split("=");
    if (value === undefined) throw new OperationError("expected key=value");
    if (value === "crash") throw new Error("a bug");
    const log = this.logs.get(key!) ?? [];
    this.logs.set(key!, [...log, value]);
    this.#dirty.add(key!);
    return utf8.encode(String(log.length + 1));
  }

  /** The log of a key. */
  query(operation: Uint8Array): Uint8Array {
    const key = text.decode(operation);
    if (key.includes("=")) throw new OperationError("not a read");
    return utf8.encode(this.logs.get(key)?.join() ?? "");
  }

  takeChanges(): [string, Uint8Array | null][] {
    const changes = [...this.#dirty].sort().map((
      key,
    ): [string, Uint8Array | null] => [key, utf8.encode(this.logs.get(key)!.join())]);
    this.#dirty.clear();
    return changes;
  }

  restore(chunks: Iterable<readonly [string, Uint8Array | null]>): void {
    for (const [key, chunk] of chunks) {
      this.#dirty.delete(key);
      if (chunk === null) this.logs.delete(key);
      else this.logs.set(key, text.decode(chunk).split(","));
    }
  }
}
