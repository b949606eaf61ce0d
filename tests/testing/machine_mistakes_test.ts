/** One planted mistake a row, in machines written by hand and in typed ones: the report names the operation and the place. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { OperationError, type StateMachine } from "../../src/core/state_machine.ts";
import { collection, counter, defineMachine, type StandardSchema, unchecked } from "../../src/machines/typed/mod.ts";
import { describeRun, simulate, type SimulateOptions } from "../../src/testing/mod.ts";
import { holdGlobals } from "../../src/guard/globals.ts";

type Chunk = readonly [id: string, chunk: Uint8Array | null];

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const run = (stateMachine: () => StateMachine, workload: SimulateOptions["workload"]) =>
  simulate({ stateMachine, workload, seed: 3, replicas: 4, profile: "calm" });

/** Values in the order of their last change. Every fifth operation or so is `{"odd":true}`. */
class Values implements StateMachine {
  readonly version: string = "values/1";
  values = new Map<string, number>();
  total = 0;
  last = "";

  execute(bytes: Uint8Array): Uint8Array {
    const operation = decode(bytes);
    if (operation === "query") return this.read(bytes);
    return operation.odd ? this.odd() as Uint8Array : this.put(operation.key, operation.id);
  }

  /** A query that is ordered. */
  read(bytes: Uint8Array): Uint8Array {
    return this.query(bytes);
  }

  put(key: string, id: number): Uint8Array {
    this.values.delete(key);
    this.values.set(key, id);
    this.total += id;
    this.last = key;
    return encode({ first: [...this.values.keys()][0], total: this.total });
  }

  odd(): unknown {
    return encode(1);
  }

  query(_: Uint8Array): Uint8Array {
    return encode({ total: this.total });
  }

  takeChanges(): Iterable<Chunk> {
    return [["all", this.snapshot()]];
  }

  snapshot(): Uint8Array {
    return encode({ values: [...this.values], total: this.total, last: this.last });
  }

  restore(chunks: Iterable<Chunk>): void {
    for (const [, chunk] of chunks) {
      const { values, total, last } = decode(chunk!);
      Object.assign(this, { values: new Map(values), total, last });
    }
  }
}

const workload: SimulateOptions["workload"] = {
  operation: (random, id) => encode(random.chance(0.2) ? { odd: true, id } : { id, key: `k${random.int(0, 9)}` }),
  query: () => encode("query"),
};

const dateNow = Date.now;
const ODD = /operation +\{"odd":true/;
const PUT = /operation +\{"id":\d+,"key":/;
const QUERY = /operation +"query"/;

const BY_HAND: Readonly<Record<string, readonly [create: () => StateMachine, ...says: RegExp[]]>> = {
  "restore() forgets a field": [
    () =>
      new class extends Values {
        override restore(chunks: Iterable<Chunk>) {
          super.restore(chunks);
          this.last = "";
        }
      }(),
    /restore\(\) leaves another state/,
    PUT,
    /differs +at state \.last/,
  ],
  "restore() orders a Map": [
    () =>
      new class extends Values {
        override restore(chunks: Iterable<Chunk>) {
          super.restore(chunks);
          this.values = new Map([...this.values].sort());
        }
      }(),
    /restore\(\) leaves another state/,
    PUT,
    /differs +at state \.values\[\d\]\[0\]/,
  ],
  "the chunks forget the order of a Map": [
    () =>
      new class extends Values {
        override snapshot() {
          return encode({ values: [...this.values].sort(), total: this.total, last: this.last });
        }
      }(),
    /it gives different results/,
    PUT,
    /differs +at \.first/,
    /order of a Map/,
  ],
  "restore() leaves what was there before": [
    () =>
      new class extends Values {
        override restore(chunks: Iterable<Chunk>) {
          const before = this.total;
          super.restore(chunks);
          this.total += before;
        }
      }(),
    /restore\(\) leaves another state/,
    /differs +at state \.total/,
  ],
  "restore() is asynchronous": [
    () =>
      new class extends Values {
        override async restore(chunks: Iterable<Chunk>) {
          await null;
          super.restore(chunks);
        }
      }() as StateMachine,
    /restore\(\) returned a promise/,
    PUT,
  ],
  "takeChanges() gives a text": [
    () =>
      new class extends Values {
        override takeChanges() {
          return [["all", "text"]] as unknown as Chunk[];
        }
      }(),
    /takeChanges\(\) gave a string as chunk all/,
  ],
  "takeChanges() gives nothing": [
    () =>
      new class extends Values {
        override takeChanges() {
          return undefined as unknown as Chunk[];
        }
      }(),
    /takeChanges\(\) returned undefined/,
  ],
  "takeChanges() throws": [
    () =>
      new class extends Values {
        override takeChanges(): Chunk[] {
          throw new Error("no chunks");
        }
      }(),
    /takeChanges\(\) threw +Error: no chunks \(machine_mistakes_test\.ts:\d+\)/,
  ],
  "a clock in takeChanges(), which runs late": [
    () =>
      new class extends Values {
        override *takeChanges(): Iterable<Chunk> {
          yield ["all", encode({ values: [], at: Date.now() })];
        }
      }(),
    /takeChanges\(\) uses Date\.now\(\)/,
    /differs +at state \.at/,
  ],
  "chance where it is made": [
    () =>
      new class extends Values {
        readonly id = Math.random();
        override odd() {
          return encode({ id: this.id });
        }
      }(),
    ODD,
    /differs +at \.id/,
  ],
  "a state that changes after the answer": [
    () =>
      new class extends Values {
        override odd() {
          void Promise.resolve().then(() => this.total++);
          return encode(1);
        }
      }(),
    /its state has changed after an operation had answered/,
    /differs +at state \.total/,
  ],
  "a promise that nobody waits for is rejected": [
    () =>
      new class extends Values {
        override odd() {
          void Promise.resolve().then(() => {
            throw new Error("late");
          });
          return encode(1);
        }
      }(),
    /it left a promise that was rejected/,
    ODD,
    /rejected with +Error: late/,
  ],
  "an execute that is asynchronous": [
    () =>
      new class extends Values {
        override execute(bytes: Uint8Array) {
          return Promise.resolve(super.execute(bytes)) as unknown as Uint8Array;
        }
      }(),
    /a promise/,
    PUT,
    /answers at once/,
  ],
  "a query that is asynchronous and fails": [
    () =>
      new class extends Values {
        override query() {
          return Promise.reject(new Error("no")) as unknown as Uint8Array;
        }
      }(),
    /a query ended by a mistake/,
    QUERY,
    /it returned +a promise/,
  ],
  "a change, and then a rejection": [
    () =>
      new class extends Values {
        override odd() {
          this.total++;
          throw new OperationError("no");
        }
      }(),
    ODD,
    /differs +at state \.total/,
  ],
  "a query that counts": [
    () =>
      new class extends Values {
        override query(bytes: Uint8Array) {
          this.total++;
          return super.query(bytes);
        }
      }(),
    /a query has changed the state/,
    QUERY,
    /differs +at state \.total/,
  ],
  "a read that is a write where it is ordered": [
    () =>
      new class extends Values {
        override read(bytes: Uint8Array) {
          this.total++;
          return super.read(bytes);
        }
      }(),
    /what query\(\) answers as a read changes the state in execute\(\)/,
    QUERY,
    /differs +at state \.total/,
    /a client has a read ordered/,
  ],
  "an ArrayBuffer": [
    () =>
      new class extends Values {
        override odd() {
          return new ArrayBuffer(1);
        }
      }(),
    ODD,
    /it returned +an ArrayBuffer/,
  ],
  "a BigInt in JSON": [
    () =>
      new class extends Values {
        override odd() {
          return encode(1n);
        }
      }(),
    ODD,
    /it threw +TypeError.*BigInt/,
  ],
};

for (const [name, [create, ...says]] of Object.entries(BY_HAND)) {
  Deno.test(`by hand: ${name}`, async () => {
    const words = describeRun(await run(create, workload));
    for (const said of [/^BROKEN {2}your machine: /, ...says]) assertMatch(words, said);
    assertEquals(describeRun(await run(create, workload)), words);
  });
}

type Run = (state: { readonly a: { set(key: string, value: unknown): void } }, input: string) => unknown;

function typed(odd: Run, isQuery = false) {
  const state = { a: collection(unchecked<unknown>()), n: counter() };
  const input: StandardSchema<string> = unchecked<string>();
  return defineMachine({
    name: "typed",
    version: 1,
    state,
    operations: {
      fine: { run: ({ n }) => n.next() },
      // Not typed on purpose: its author writes JavaScript.
      odd: { input, run: isQuery ? () => null : odd as never },
    },
    queries: { look: { input, run: isQuery ? odd as never : () => null } },
  });
}

let beside = 0;
const TYPED: Readonly<Record<string, readonly [odd: Run, ...says: RegExp[]]>> = {
  "a bug": [() => (undefined as unknown as { x: 1 }).x, /it threw +TypeError: .*\(machine_mistakes_test\.ts:\d+\)/],
  "NaN": [() => ({ list: [0, NaN] }), /got NaN at \.list\[1\]/, /likely +results and values are JSON/],
  "Infinity": [() => ({ x: 1 / 0 }), /got Infinity at \.x/],
  "a BigInt": [() => ({ x: 1n }), /got a bigint at \.x/],
  "a circle": [() => {
    const circle: Record<string, unknown> = {};
    return circle.own = circle;
  }, /or a circle at \.own/],
  "a Map": [() => ({ x: new Map() }), /a value of the class Map at \.x/],
  "NaN in the state": [({ a }, key) => a.set(key, { n: NaN }), /a\.set: expected JSON, got NaN at \.n|may not write/],
  "a promise": [() => Promise.resolve(1), /got a promise/, /answers at once/],
  "a promise in a result, rejected": [() => ({ x: Promise.reject(new Error("late")) }), /the class Promise at \.x/],
  "what goes on after the answer": [
    ({ a }, key) => {
      void Promise.resolve().then(() => a.set(key, 1));
    },
    /it left a promise that was rejected/,
    /got a use after its end/,
  ],
  "a clock": [() => ({ at: Date.now() }), /uses Date\.now\(\)/, /differs +at \.at/],
  "a clock of another kind": [() => ({ at: performance.now() }), /uses performance\.now\(\)/, /differs +at \.at/],
  "a date": [() => [new Date().toISOString()], /uses new Date\(\)/, /differs +at \[0\]/],
  "chance": [() => ({ luck: Math.random() }), /uses Math\.random\(\)/, /differs +at \.luck/],
  "an id": [() => ({ id: crypto.randomUUID() }), /uses crypto\.randomUUID\(\)/, /differs +at \.id/],
  "fetch": [() => void fetch("http://127.0.0.1:1"), /uses fetch\(\)/],
  "a timer": [() => void setTimeout(() => {}, 0), /uses setTimeout\(\)/],
  "the environment": [() => Deno.env.get("HOME"), /uses Deno\.env/],
  "a file": [() => Deno.readTextFileSync("/etc/hostname"), /uses Deno\.readTextFileSync/],
  "the time zone": [() => new Date(0).getHours(), /uses Date\.getHours\(\)/],
  "a local time": [() => new Date(2020, 1, 1).toISOString(), /in the time zone of the host/],
  "the locale": [() => "i".toLocaleUpperCase(), /uses toLocaleUpperCase\(\)/],
  "the garbage collector": [() => new WeakRef({}).deref() !== undefined, /uses WeakRef\(\)/],
  "a variable beside the state": [() => ({ beside: ++beside }), /different results/, /differs +at \.beside/],
};

for (const [name, [odd, ...says]] of Object.entries(TYPED)) {
  Deno.test(`typed: ${name}, in an operation and in a query`, async () => {
    for (const isQuery of [false, true]) {
      const machine = typed(odd, isQuery);
      const words = describeRun(
        await run(machine, {
          operation: (random) =>
            random.chance(0.2) ? machine.encode("odd", `k${random.int(0, 3)}`) : machine.encode("fine"),
          query: () => machine.encode("look", "k1"),
        }),
      );
      const where = /operation +\{"op":"(\w+)"/.exec(words)?.[1];
      for (const said of [/^BROKEN {2}your machine: /, ...says]) assertMatch(words, said);
      assertEquals(where, isQuery ? "look" : "odd");
    }
  });
}

Deno.test("what is no machine or no workload is refused with the reason, before anything begins", async () => {
  const create = () => new Values();
  const one = create();
  const operation = () => encode({ id: 1, key: "k" });
  const wrong: readonly (readonly [machine: unknown, workload: unknown, says: string])[] = [
    [one, workload, "stateMachine: expected a function that makes a state machine, got an object"],
    [() => undefined, workload, "stateMachine: expected a state machine, got undefined"],
    [() => Promise.resolve(one), workload, "stateMachine: expected a state machine, got a promise"],
    [() => one, workload, "stateMachine: expected a new state machine each time, got the same one again"],
    [() => ({ ...one }), workload, "stateMachine: expected the method execute, got undefined"],
    [() => ({ execute() {} }), workload, "stateMachine: expected a version such as bank/1, got undefined"],
    [create, {}, "workload.operation: expected a function, got undefined"],
    [create, { operation: () => "text" }, "workload.operation: expected a Uint8Array, got a string"],
    [
      create,
      { operation: () => Promise.reject(new Error("no")) },
      "workload.operation: expected a Uint8Array, got a promise",
    ],
    [create, { operation, query: () => undefined }, "workload.query: expected a Uint8Array, got undefined"],
  ];
  for (const [machine, given, says] of wrong) {
    await assertRejects(
      () => run(machine as () => StateMachine, given as SimulateOptions["workload"]),
      TypeError,
      says,
    );
  }
});

Deno.test("a workload with chance of its own replays", async () => {
  const machine = typed(() => 1);
  const replies = { operation: () => machine.encode("odd", `k${Math.random()} ${Date.now()}`) };
  const [one, other] = [await run(typed(() => 1n), replies), await run(typed(() => 1n), replies)];
  assertMatch(describeRun(one), /operation +\{"op":"odd","input":"k0\.\d+ \d+"\}/);
  assertEquals(describeRun(other), describeRun(one));
});

Deno.test("what is the same everywhere may be used, and dates may be printed", async () => {
  const printed: unknown[] = [];
  const { log } = console;
  console.log = (...args) => void printed.push(args.map(String));
  try {
    const machine = typed(() => {
      console.log(new Date(0));
      return [
        new Date(0).toISOString(),
        new Date(Date.UTC(2020, 1, 1)).getUTCHours(),
        new Date("2020-01-01").getTime(),
        Date.parse("2020-01-01T00:00:00+02:00"),
        structuredClone({ a: btoa("x") }),
        new URL("http://a/b").href,
        [3, 1].sort(),
      ];
    });
    const { violation } = await run(machine, { operation: () => machine.encode("odd", "k") });
    assertEquals(violation, null);
  } finally {
    console.log = log;
  }
  assert(printed.length > 0);
});

Deno.test("functions that a module keeps are found too, if the globals are held before it is loaded", async () => {
  const before = [Date, Date.now, Math.random, globalThis.setTimeout, globalThis.crypto, console.log];
  const release = holdGlobals();
  try {
    const { now } = Date;
    const { random } = Math;
    for (
      const [odd, what] of [[() => ({ at: now() }), "Date.now()"], [() => ({ x: random() }), "Math.random()"]] as const
    ) {
      const machine = typed(odd);
      const { violation } = await run(machine, { operation: () => machine.encode("odd", "k") });
      assertEquals(violation?.machine?.what, `an operation uses ${what}`);
    }
    assert(Math.abs(now() - dateNow()) < 60_000, "outside of a machine they are as ever");
  } finally {
    release();
  }
  const after = [Date, Date.now, Math.random, globalThis.setTimeout, globalThis.crypto, console.log];
  assert(after.every((global, i) => global === before[i]));
});
