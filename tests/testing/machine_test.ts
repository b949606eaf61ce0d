import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { OperationError, type StateMachine } from "../../src/core/state_machine.ts";
import { collection, defineMachine, unchecked } from "../../src/machines/typed/mod.ts";
import { snapshotMachine } from "../../src/machines/mod.ts";
import {
  describeRun,
  guardMachine,
  type MachineFault,
  NotDeterministicError,
  type RunReport,
  simulate,
  type SimulateOptions,
} from "../../src/testing/mod.ts";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

interface State {
  count: number;
  list: { at: number }[];
}

/** A counter whose parts can be made wrong. Every tenth operation or so is `{"odd":true}`, and so is every second query. */
interface Parts {
  readonly odd?: (state: State, context: { readonly timestamp: number }) => unknown;
  readonly query?: (state: State) => unknown;
  readonly restore?: (state: State, bytes: Uint8Array) => void;
}

function machineOf({ odd, query, restore }: Parts): () => StateMachine {
  return () => {
    const state: State = { count: 0, list: [] };
    const read = (isOdd: boolean) => (isOdd && query ? query(state) : encode(state.count)) as Uint8Array;
    return snapshotMachine({
      version: "counter/1",
      execute(bytes, context) {
        if (decode(bytes).read) return read(decode(bytes).odd);
        if (decode(bytes).odd && odd) return odd(state, context) as Uint8Array;
        state.count++;
        return encode({ count: state.count, at: [context.timestamp] });
      },
      query: (bytes) => read(decode(bytes).odd),
      snapshot: () => encode(state),
      restore: (bytes) => restore ? restore(state, bytes) : void Object.assign(state, decode(bytes)),
    });
  };
}

const workload: SimulateOptions["workload"] = {
  operation: (random, id) => encode({ id, ...random.chance(0.1) && { odd: true } }),
  query: (random) => encode({ read: true, odd: random.chance(0.5) }),
};

function report(parts: Parts, options: Partial<SimulateOptions> = {}): Promise<RunReport> {
  return simulate({ stateMachine: machineOf(parts), workload, seed: 3, replicas: 4, profile: "calm", ...options });
}

const MISTAKES: Readonly<Record<string, readonly [fault: MachineFault, parts: Parts, says: RegExp]>> = {
  "a thrown bug": [
    "failure",
    { odd: () => (undefined as unknown as { x: number }).x },
    /operation .*"odd":true.*\n.*it threw +TypeError.*machine_test\.ts:\d+/,
  ],
  "a thrown text": ["failure", {
    odd: () => {
      throw "no";
    },
  }, /it threw +no/],
  "undefined": ["failure", { odd: () => undefined }, /it returned +undefined/],
  "a text": ["failure", { odd: () => "text" }, /it returned +a string/],
  "another view": ["failure", { odd: () => new DataView(new ArrayBuffer(1)) }, /it returned +another view/],
  "a promise": ["failure", { odd: () => Promise.resolve(encode(1)) }, /it returned +a promise/],
  "a promise that is rejected": ["failure", { odd: () => Promise.reject(new Error("late")) }, /it returned +a promise/],
  "a change before a rejection": [
    "change",
    {
      odd: (state) => {
        state.count++;
        throw new OperationError("no");
      },
    },
    /an operation that gave no result \(rejected: no\) has changed the state.*\n.*operation .*odd.*\n[^]*differs +at state .count/,
  ],
  "a change before a bug": [
    "change",
    {
      odd: (state) => {
        state.list.push({ at: 1 });
        throw new Error("no");
      },
    },
    /differs +at state .list\[0\]/,
  ],
  "a clock in an operation": [
    "not-deterministic",
    { odd: () => encode({ balance: 1, at: Date.now() }) },
    /an operation uses Date\.now\(\)[^]*one replica would say[^]*differs +at \.at\n.*use the agreed time/,
  ],
  "a clock in the state": [
    "not-deterministic",
    {
      odd: (state) => {
        state.list.push({ at: new Date().getTime() });
        return encode(1);
      },
    },
    /an operation uses new Date\(\)[^]*differs +at state \.list\[0\]\.at/,
  ],
  "chance in an operation": [
    "not-deterministic",
    { odd: () => encode({ winner: Math.random() }) },
    /an operation uses Math\.random\(\)[^]*differs +at \.winner\n.*ctx\.random\(\)/,
  ],
  "a clock that is caught": [
    "not-deterministic",
    {
      odd: () => {
        try {
          return encode(performance.now());
        } catch {
          return encode(0);
        }
      },
    },
    /an operation uses performance\.now/,
  ],
  "chance in a query": [
    "not-deterministic",
    { query: () => encode([crypto.randomUUID()]) },
    /a query uses crypto\.randomUUID[^]*differs +at \[0\]/,
  ],
  "fetch": ["not-deterministic", {
    odd: () => {
      void fetch("http://127.0.0.1:1");
      return encode(1);
    },
  }, /uses fetch\(\)/],
  "a timer": ["not-deterministic", {
    odd: () => {
      setTimeout(() => {}, 1);
      return encode(1);
    },
  }, /uses setTimeout\(\)/],
  "a query that changes the state": [
    "change",
    { query: (state) => encode(++state.count) },
    /a query has changed the state[^]*operation +{"read":true,"odd":true}[^]*differs +at state \.count/,
  ],
  "a query that throws a bug": ["failure", {
    query: () => {
      throw new RangeError("bug");
    },
  }, /a query ended by a mistake[^]*RangeError: bug/],
  "a query that gives no bytes": ["failure", { query: () => 5 }, /a query ended[^]*it returned +a number/],
  "a restore that forgets": [
    "state",
    {
      restore: (state, bytes) => {
        state.count = decode(bytes).count - 1;
      },
    },
    /restore\(\) leaves another state than it was given|it gives different results/,
  ],
  "a restore that throws": ["failure", {
    restore: () => {
      throw new Error("no restore");
    },
  }, /no restore/],
  "a result that depends on what is not in the state": [
    "result",
    (() => {
      const hidden = new WeakMap<State, number>();
      const odd = (state: State) => {
        hidden.set(state, (hidden.get(state) ?? 0) + 1);
        return encode({ list: [0, hidden.get(state)] });
      };
      return { odd };
    })(),
    /it gives different results[^]*operation .*odd[^]*differs +at \.list\[1\]/,
  ],
};

for (const [name, [fault, parts, says]] of Object.entries(MISTAKES)) {
  Deno.test(`${name} is found, with the operation and the place`, async () => {
    const first = await report(parts);
    const words = describeRun(first);
    assertMatch(words, /^BROKEN /);
    assertMatch(words, says);
    assert([fault, "result"].includes(first.violation!.machine!.fault), first.violation!.machine!.fault);
    assertStringIncludes(first.violation!.detail, first.violation!.machine!.operation);
    const again = await report(parts);
    assertEquals(describeRun(again), words);
    assertEquals(again.events, first.events);
  });
}

Deno.test("a machine without mistakes has none, and the report is one line", async () => {
  const { violation, ...rest } = await report({
    odd: (_state, { timestamp }) => encode(new Date(timestamp).toISOString()),
  }, {
    profile: "crashes",
  });
  assertEquals(violation, null);
  assertMatch(
    describeRun({ violation, ...rest }),
    /^nothing is wrong: seed 3, 4 replicas, \d+ operations, \d+ batches$/,
  );
});

Deno.test("what is allowed is no mistake, and a run with chance replays", async () => {
  const parts = {
    odd: () => {
      if (Math.random() < 2) throw new Error("as intended");
    },
  };
  const options = { allow: ["failure", "not-deterministic"] } as const;
  const [first, again] = [await report(parts, options), await report(parts, options)];
  assertEquals(first.violation, null);
  assertEquals(again.events, first.events);
  const differing = () => report({ odd: () => encode(Math.random()) }, options);
  const [one, other] = [await differing(), await differing()];
  assertEquals(one.violation?.invariant, "determinism");
  assertEquals(describeRun(other), describeRun(one));
});

Deno.test("a typed machine is simulated, and the place in its state is named by collection and key", async () => {
  const wrong = defineMachine({
    name: "wrong",
    version: 1,
    state: { accounts: collection(unchecked<{ history: { at: number }[] }>()) },
    operations: {
      visit: {
        input: unchecked<string>(),
        run({ accounts }, name) {
          const history = accounts.get(name)?.history ?? [];
          accounts.set(name, { history: [...history, { at: Date.now() }] });
        },
      },
    },
  });
  const { violation, ...rest } = await simulate({
    stateMachine: wrong,
    workload: { operation: (random) => wrong.encode("visit", `a${random.int(0, 3)}`) },
    replicas: 4,
    profile: "calm",
  });
  assertEquals(violation?.invariant, "determinism");
  assertMatch(describeRun({ violation, ...rest }), /differs +at state accounts\["a\d"\]\.history\[0\]\.at/);
});

Deno.test("a guarded machine may use dates that it is given, and the globals are as before afterwards", () => {
  const before = [Date, Math.random, globalThis.fetch, globalThis.setTimeout, globalThis.crypto, Intl];
  const machine = guardMachine(
    machineOf({
      odd: () => encode([new Date(0).toISOString(), Date.UTC(2000), new Date(0) instanceof Date, Math.max(1, 2)]),
    })(),
  );
  const context = { sequence: 1, timestamp: 1, client: "ada" } as Parameters<StateMachine["execute"]>[1];
  assertEquals(decode(machine.execute(encode({ odd: true }), context)), [
    "1970-01-01T00:00:00.000Z",
    946684800000,
    true,
    2,
  ]);
  for (
    const use of [
      () => Date.now(),
      () => Date(),
      () => new Date(),
      () => Math.random(),
      () => "a".localeCompare("b"),
      () => crypto.subtle,
      () => new Intl.NumberFormat(),
    ]
  ) {
    const guarded = guardMachine(machineOf({ odd: () => encode(use()) })());
    assertThrows(
      () => guarded.execute(encode({ odd: true }), context),
      NotDeterministicError,
      "differs between replicas",
    );
  }
  assertEquals(
    [Date, Math.random, globalThis.fetch, globalThis.setTimeout, globalThis.crypto, Intl].every((global, i) =>
      global === before[i]
    ),
    true,
  );
});
