/**
 * A machine without a cluster, for tests.
 * @module
 */
import type { OperationContext, StateMachine } from "../../core/state_machine.ts";
import { withoutGlobals } from "../../guard/forbidden.ts";
import { fromUtf8 } from "../_text.ts";
import { encodeCall } from "./call.ts";
import { RejectedOperation } from "./rejection.ts";
import type { CallType, Failure, InputArguments, Machine, MachineTypes } from "./types.ts";

/** One call in a test. It throws a {@linkcode RejectedOperation} where a client would get a rejection. */
export interface TestCall<Call extends CallType, Errors> {
  /** Calls it and returns the result. */
  (...input: InputArguments<Call["input"]>): Call["result"];
  /** Calls it and returns the result or the rejection. */
  try(...input: InputArguments<Call["input"]>): { readonly ok: true; readonly value: Call["result"] } | Failure<Errors>;
}

/** The calls of a machine, by one client at one time. */
export type TestCalls<Types extends MachineTypes> =
  & { readonly [K in keyof Types["operations"]]: TestCall<Types["operations"][K], Types["errors"]> }
  & { readonly [K in keyof Types["queries"]]: TestCall<Types["queries"][K], Types["errors"]> }
  & {
    /** The same machine, for another client. */
    as(client: string): TestCalls<Types>;
    /** The same machine at another agreed time, ms. */
    at(time: number): TestCalls<Types>;
  };

/**
 * Makes a machine that can be called without a cluster. Each operation is a batch of its own. After each, the machine
 * is made anew from its chunks, as a replica that restarts does, so that nothing lives on but its state. Clocks,
 * chance, timers and I/O in `run` throw an error that names the replacement, as in `pbft dev` and `pbft simulate`.
 *
 * @throws {TypeError} if it is given something else than a machine of {@linkcode defineMachine}.
 *
 * @example
 * ```ts
 * import { counter, defineMachine, testMachine } from "@pbft/edge/machine";
 *
 * const visits = defineMachine({
 *   name: "visits",
 *   version: 1,
 *   state: { count: counter() },
 *   operations: { visit: { run: ({ count }, _, { client, time }) => ({ client, time, number: count.next() }) } },
 * });
 * const test = testMachine(visits);
 * test.as("ada").visit();
 * console.log(test.at(60_000).as("bob").visit()); // { client: "bob", time: 60000, number: 2 }
 * ```
 */
export function testMachine<Types extends MachineTypes>(machine: Machine<Types>): TestCalls<Types> {
  if (typeof machine?.definition !== "object") {
    throw new TypeError(
      `testMachine: expected a machine of defineMachine, got ${machine === null ? "null" : typeof machine}`,
    );
  }
  return callsOf(machine, new Life(machine), { client: "client", timestamp: 0 });
}

/** A machine that goes through its chunks after each operation. */
class Life {
  readonly #create: () => StateMachine;
  readonly #chunks = new Map<string, Uint8Array>();
  #machine: StateMachine;
  #sequence = 0;

  constructor(create: () => StateMachine) {
    this.#create = create;
    this.#machine = create();
  }

  call(method: "execute" | "query", bytes: Uint8Array, who: Omit<OperationContext, "sequence">): Uint8Array {
    const context = { ...who, sequence: method === "query" ? this.#sequence : ++this.#sequence } as OperationContext;
    const run = () => withoutGlobals({}, () => this.#machine[method](bytes, context));
    if (method === "query") return run();
    try {
      return run();
    } finally {
      for (const [id, chunk] of this.#machine.takeChanges()) {
        if (chunk) this.#chunks.set(id, chunk);
        else this.#chunks.delete(id);
      }
      this.#machine = this.#create();
      this.#machine.restore(this.#chunks);
    }
  }
}

function callsOf<Types extends MachineTypes>(
  machine: Machine<Types>,
  life: Life,
  who: { readonly client: string; readonly timestamp: number },
): TestCalls<Types> {
  const { operations, queries } = machine.definition;
  const calls = [...Object.keys(operations), ...Object.keys(queries)].map((name) => {
    const method = Object.hasOwn(operations, name) ? "execute" : "query";
    const call = (input?: unknown): unknown => {
      const text = fromUtf8(life.call(method, encodeCall(name, input), who as Omit<OperationContext, "sequence">));
      return text === "" ? undefined : JSON.parse(text);
    };
    const attempt = (input?: unknown) => {
      try {
        return { ok: true, value: call(input) };
      } catch (error) {
        if (!(error instanceof RejectedOperation)) throw error;
        return { ok: false, error: error.error, detail: error.detail };
      }
    };
    return [name, Object.assign(call, { try: attempt })];
  });
  return Object.freeze({
    ...Object.fromEntries(calls),
    as: (client: string) => callsOf(machine, life, { ...who, client }),
    at: (timestamp: number) => callsOf(machine, life, { ...who, timestamp }),
  });
}
