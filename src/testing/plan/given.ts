/**
 * What an author gives to the simulator: a machine and its workload, checked before anything begins.
 * @module
 */
import type { StateMachine } from "../../core/state_machine.ts";
import { callSeeded } from "../machine/guard.ts";
import { ignoreRejection, kindOf } from "../machine/trial.ts";
import { Random } from "../random.ts";
import type { Workload } from "./workload.ts";

const METHODS = ["execute", "query", "takeChanges", "restore"] as const;

/** Makes two machines, and looks at them. @throws {TypeError} if they are none, or the same. */
export function checkMaker(create: () => StateMachine): void {
  if (typeof create !== "function") {
    throw new TypeError(`stateMachine: expected a function that makes a state machine, got ${kindOf(create)}`);
  }
  const [one, other] = [made(create), made(create)];
  if (one === other) {
    throw new TypeError("stateMachine: expected a new state machine each time, got the same one again");
  }
}

function made(create: () => StateMachine): unknown {
  const machine: unknown = callSeeded(create, 0);
  ignoreRejection(machine);
  if (typeof machine !== "object" || machine === null || "then" in machine) {
    throw new TypeError(`stateMachine: expected a state machine, got ${kindOf(machine)}`);
  }
  const parts: Readonly<Record<string, unknown>> = { ...pick(machine, ["version", ...METHODS]) };
  if (typeof parts.version !== "string" || parts.version === "") {
    throw new TypeError(`stateMachine: expected a version such as bank/1, got ${kindOf(parts.version)}`);
  }
  const missing = METHODS.find((method) => typeof parts[method] !== "function");
  if (missing) throw new TypeError(`stateMachine: expected the method ${missing}, got ${kindOf(parts[missing])}`);
  return machine;
}

function pick(object: object, names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.map((name) => [name, Reflect.get(object, name)]));
}

/**
 * The same workload. What it gives is checked, and its own clocks and chance follow from the run, so that the run replays.
 * @throws {TypeError} if it has no operations.
 */
export function checkedWorkload(workload: Workload): Workload {
  if (typeof workload.operation !== "function") {
    throw new TypeError(`workload.operation: expected a function, got ${kindOf(workload.operation)}`);
  }
  let queries = 0;
  // What looks at the machine asks too, and would take an error for the machine's.
  if (workload.query) bytesOf("workload.query", callSeeded(() => workload.query!(new Random(0)), 0));
  return {
    operation: (random: Random, id: number) =>
      bytesOf("workload.operation", callSeeded(() => workload.operation(random, id), id)),
    ...workload.query && {
      query: (random: Random) => bytesOf("workload.query", callSeeded(() => workload.query!(random), ++queries)),
    },
    ...workload.model && { model: workload.model },
  };
}

function bytesOf(what: string, given: unknown): Uint8Array {
  if (given instanceof Uint8Array) return given;
  ignoreRejection(given);
  throw new TypeError(`${what}: expected a Uint8Array, got ${kindOf(given)}; typed machines have encode(name, input)`);
}
