/** Mistakes that show only on another runtime, in another process, or where a result is large: the report names the operation and the place. */
import { assertEquals, assertMatch } from "@std/assert";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { OperationError } from "../../src/core/state_machine.ts";
import { snapshotMachine } from "../../src/machines/mod.ts";
import { describeRun, simulate, type SimulateOptions } from "../../src/testing/mod.ts";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const KEYS = ["k1", "__proto__", "constructor", "toString", "k2"];
const ODD = /operation +\{"odd":"(k1|k2|__proto__|constructor|toString)"/;

/** A state, and what an odd operation makes of it. */
interface State {
  total: number;
  readonly values: Record<string, unknown>;
  readonly [hidden: symbol]: unknown;
}
type Odd = (state: State, key: string) => unknown;

const workload: SimulateOptions["workload"] = {
  operation: (random, id) => encode(random.chance(0.3) ? { odd: random.pick(KEYS), id } : { id }),
  query: () => encode("query"),
};

function machine(odd: Odd): () => StateMachine {
  return () => {
    let state: State = { total: 0, values: {} };
    return snapshotMachine({
      version: "odd/1",
      execute(bytes) {
        const operation = decode(bytes);
        if (operation === "query") return encode(state.total);
        if (operation.odd === undefined) return encode(state.total += operation.id);
        const result = odd(state, operation.odd);
        if (typeof result === "function") return result();
        return result instanceof Uint8Array ? result : encode(result);
      },
      query: () => encode(state.total),
      snapshot: () => encode(state),
      restore: (bytes) => void (state = decode(bytes)),
    });
  };
}

async function words(odd: Odd): Promise<string> {
  once.lastIndex = 0;
  return describeRun(await simulate({ stateMachine: machine(odd), workload, seed: 3, replicas: 4, profile: "calm" }));
}

const shared: Record<string, unknown> = globalThis as unknown as Record<string, unknown>;
const HIDDEN = Symbol("hidden");
const once = /k/g;

const MISTAKES: Readonly<Record<string, readonly [odd: Odd, ...says: RegExp[]]>> = {
  "a name that a client chooses ends in the prototype of all objects": [
    (_, key) => {
      const table: Record<string, Record<string, unknown>> = {};
      (table[key] ??= {}).seen = 1;
      return 1;
    },
    /an operation changes (Object|Object\.prototype|Object\.prototype\.toString)\.seen, which all code of its process/,
    /differs +at Object(\.\w+)*\.seen/,
    /Object\.create\(null\)/,
  ],
  "a variable of the global object, written once": [
    (state) => shared.began ??= state.total,
    /an operation changes globalThis\.began/,
    /keep it in the state/,
  ],
  "a method for all lists": [
    () => {
      Reflect.set(Array.prototype, "last", 1);
      return 1;
    },
    /an operation changes Array\.prototype\.last/,
  ],
  "__proto__ as a key, which Deno takes as any other": [
    (_, key) => {
      const table: Record<string, unknown> = {};
      if (key.startsWith("__")) table[key] = { n: 1 };
      return table;
    },
    /operation +\{"odd":"__proto__"/,
    /differs +at \.__proto__/,
    /__proto__ as a key/,
  ],
  "the stack of an error": [() => ({ stack: new Error("x").stack }), /differs +at \.stack/, /stacks of errors/],
  "a line of a stack": [() => new Error("x").stack!.split("\n")[1] ?? null, /it gives different results/],
  "a stack in a rejection": [
    () => {
      throw new OperationError(new Error("x").stack);
    },
    /it gives different results/,
    /rejected: Error: x/,
  ],
  "a result that no cluster sends": [
    () => new Uint8Array(100_000),
    /an operation gives too large a result/,
    /100000 bytes; limits\.maxResultBytes is 65536/,
  ],
  "a very large result": [() => new Uint8Array(8_000_000), /8000000 bytes/],
  "an asynchronous generator": [
    () => later,
    /it returned +an asynchronous iterator/,
    /answers at once/,
  ],
  "waiting": [
    () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1),
    /an operation uses Atomics\.wait\(\)/,
  ],
  "a timer of a signal": [() => AbortSignal.timeout(1) && 1, /an operation uses AbortSignal\.timeout\(\)/],
  "bytes that are no text": [
    (state) => {
      Reflect.set(state, HIDDEN, Number(Reflect.get(state, HIDDEN) ?? 0) + 1);
      return new Uint8Array([Number(state[HIDDEN]), 2]);
    },
    /it gives +0[2-9]02/,
    /rebuilt from its chunks +0102/,
    /differs +at byte 0/,
  ],
  "-0": [(state) => {
    const was = Object.is(state.total, -0);
    state.total = -0;
    return { was };
  }, /differs +at \.was/],
  "the lastIndex of a regular expression": [() => ({ found: once.test("k") }), /differs +at \.found/],
  "one object at two keys": [
    (state) => {
      const one = state.values.one ??= { n: 0 };
      state.values.two ??= one;
      Reflect.set(Object(one), "n", state.total);
      return state.values;
    },
    /differs +at \.two\.n/,
  ],
  "a Date, which comes back as a text": [
    (state) => ({ isDate: (state.values.at ??= new Date(0)) instanceof Date }),
    /differs +at \.isDate/,
  ],
  "how deep a stack is": [() => {
    let depth = 0;
    const deeper = (): void => {
      depth++;
      deeper();
    };
    try {
      deeper();
    } catch { /* It differs between runtimes. */ }
    return { depth };
  }, /differs +at \.depth/],
};

// deno-lint-ignore require-yield
async function* later(): AsyncGenerator<never> {
  await null;
}

for (const [name, [odd, ...says]] of Object.entries(MISTAKES)) {
  Deno.test(`named: ${name}`, async () => {
    const said = await words(odd);
    for (const expected of [/^BROKEN {2}your machine: /, ODD, ...says]) assertMatch(said, expected);
    // The machine is called in the same way again. Only a depth is the runtime's: it follows from what is compiled by then.
    const withoutDepths = (text: string) => text.replace(/"depth":\d+/g, '"depth":…');
    assertEquals(withoutDepths(await words(odd)), withoutDepths(said));
  });
}

const HARMLESS: Readonly<Record<string, Odd>> = {
  "a sort without a comparator": () => [3, 20, 100, 1].sort(),
  "names of Object.prototype in a table without a prototype": (_, key) => {
    const table: Record<string, unknown> = Object.create(null);
    table[key] = 1;
    return Object.entries(table);
  },
  "names of Object.prototype in a Map": (_, key) => [...new Map([[key, 1]])],
  "symbols and getters in a result": () => ({
    [Symbol("x")]: 1,
    get one() {
      return 1;
    },
  }), // deno-fmt-ignore
  "numbers beyond those of JSON, as texts": (state) => ({ n: String(2n ** 64n + BigInt(state.total)) }),
  "a stack that is printed and not given": () => {
    try {
      throw new Error("x");
    } catch (error) {
      return { message: error instanceof Error && error.stack ? error.message : "" };
    }
  },
};

for (const [name, odd] of Object.entries(HARMLESS)) {
  Deno.test(`harmless: ${name}`, async () => {
    assertMatch(await words(odd), /^nothing is wrong/);
  });
}
