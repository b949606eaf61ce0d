/**
 * The operations of clients, and the answers that a key-value store should give.
 * @module
 */
import { decodeOperation, encodeOperation, type KeyValueOperation } from "../../machines/mod.ts";
import type { Model } from "../invariants/linearizability.ts";
import type { Random } from "../random.ts";

/** So small that a few keys make many chunks, which are then lazily loaded, split and merged. */
export const CHUNK_SIZE = 24;

/** The source of a simulation's operations. */
export interface Workload {
  /** The next operation. `id` is different each time. */
  operation(random: Random, id: number): Uint8Array;
  /** The next query of the state. Without this, clients make no queries. */
  query?(random: Random): Uint8Array;
  /** The expected answers. Without this, linearizability is not checked. */
  readonly model?: Model;
}

const REGISTERS = 5;
const LETTERS = "abcdefghijklmnopqrstuvw";
const COUNTERS = ["x", "y", "z"];

/** Registers and counters of the key-value store, each touched by many clients. `count`: of the registers. */
export function keyValueWorkload(count: number = REGISTERS): Workload {
  const registers = Array.from({ length: count }, (_, i) => {
    const letter = LETTERS[i % LETTERS.length]!;
    return letter.repeat(1 + Math.floor(i / LETTERS.length));
  });
  return {
    operation: (random, id) => encodeOperation(operationOf(random, registers, id)),
    query: (random) => encodeOperation({ op: "get", key: random.pick(random.chance(0.4) ? COUNTERS : registers) }),
    model: keyValueModel(),
  };
}

/** The key-value store as a function on one key. */
export function keyValueModel(): Model {
  // The search applies an operation again and again.
  const decoded = new WeakMap<Uint8Array, KeyValueOperation>();
  const decode = (bytes: Uint8Array) => {
    const known = decoded.get(bytes) ?? decodeOperation(bytes);
    decoded.set(bytes, known);
    return known;
  };
  return {
    part: (operation) => keyOf(decode(operation)),
    apply: (state, operation) => applyTo(state, decode(operation)),
  };
}

function operationOf(random: Random, registers: readonly string[], id: number): KeyValueOperation {
  if (random.chance(0.4)) {
    const key = random.pick(COUNTERS);
    return random.chance(0.8) ? { op: "incr", key, by: random.int(1, 3) } : { op: "get", key };
  }
  const key = random.pick(registers);
  const kind = random.next();
  // Now and then an earlier value, so that old states come back.
  if (kind < 0.4) return { op: "set", key, value: random.chance(0.3) ? random.pick(["on", "off"]) : `${id}` };
  if (kind < 0.7) return { op: "get", key };
  if (kind < 0.9) return { op: "cas", key, expected: random.chance(0.3) ? null : `${id - 1}`, value: `${id}` };
  return { op: "del", key };
}

function keyOf(operation: KeyValueOperation): string {
  return operation.op === "keys" ? "" : operation.key;
}

/** The key's value before and after, and the result. */
function applyTo(value: string | null, operation: KeyValueOperation): ReturnType<Model["apply"]> {
  const to = (state: string | null, result: unknown) => ({ state, outcome: JSON.stringify(result) });
  switch (operation.op) {
    case "set":
      return to(operation.value, "OK");
    case "get":
      return to(value, value);
    case "del":
      return to(null, value !== null);
    case "cas":
      return value === operation.expected
        ? to(operation.value, { swapped: true })
        : to(value, { swapped: false, value });
    case "incr": {
      const sum = Number(value ?? "0") + (operation.by ?? 1);
      return to(String(sum), sum);
    }
    case "keys":
      return to(value, null);
  }
}
