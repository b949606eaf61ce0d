import { assert, assertEquals, assertThrows } from "@std/assert";
// deno-lint-ignore no-import-prefix -- a dependency of tests only
import { z } from "npm:zod@4.6.7";
// deno-lint-ignore no-import-prefix -- a dependency of tests only
import * as v from "npm:valibot@1.5.0";
import type { OperationContext } from "../../../src/core/state_machine.ts";
import { OperationError } from "../../../src/core/state_machine.ts";
import {
  collection,
  counter,
  defineMachine,
  type Key,
  reject,
  RejectedOperation,
  testMachine,
  unchecked,
} from "../../../src/machines/typed/mod.ts";
import { decodeKey, encodeKey } from "../../../src/machines/typed/state/key.ts";

const context = { sequence: 1, timestamp: 1_000, client: "ada" } as OperationContext;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

/** A machine with one operation and one collection of anything. */
function trial(
  run: (state: { things: ReturnType<typeof open>; count: { next(): number } }, input: unknown) => unknown,
) {
  return testMachine(defineMachine({
    name: "trial",
    version: 1,
    state: { things: collection(unchecked<unknown>(), { key: unchecked<Key>() }), count: counter() },
    errors: { no: unchecked<unknown>() },
    operations: { go: { input: unchecked<unknown>(), run: (state, input): unknown => run(state, input) } },
    queries: { all: { run: ({ things }) => things.range() } },
  }));
}
declare function open(): import("../../../src/machines/typed/mod.ts").Collection<unknown, Key>;

Deno.test("an operation that throws leaves no trace", () => {
  for (
    const problem of [() => reject("no", 1), () => {
      throw new OperationError("no");
    }, () => {
      throw new Error();
    }]
  ) {
    const test = trial(({ things, count }, input) => {
      things.set("a", count.next());
      things.delete("b");
      return input === 1 ? problem() : null;
    });
    test.go(0);
    assertEquals(test.all(), [["a", 1]]);
    assertThrows(() => test.go(1));
    assertEquals(test.all(), [["a", 1]]);
  }
});

Deno.test("what get and range give are copies, and so is what set takes", () => {
  const test = trial(({ things }, input) => {
    if (input === 0) {
      const value = { list: [1] };
      things.set("a", value);
      value.list.push(2);
      (things.get("a") as typeof value).list.push(3);
      (things.range()[0]![1] as typeof value).list.push(4);
    }
    return things.get("a");
  });
  test.go(0);
  assertEquals(test.go(1), { list: [1] });
});

Deno.test("a range sees the operation's own writes and deletions", () => {
  const test = trial(({ things }, input) => {
    if (input === 0) return ["a", "b", "c", "e"].forEach((key) => things.set(key, key));
    things.set("d", "D");
    things.set("b", "B");
    things.delete("c");
    const keys = (options: Parameters<typeof things.range>[0]) => things.range(options).map(([key]) => key).join("");
    return [
      keys({}),
      keys({ reverse: true }),
      keys({ after: "a", before: "e" }),
      keys({ from: "b", limit: 2 }),
      keys({ reverse: true, before: "d", limit: 1 }),
      keys({ limit: 0 }),
      keys({ from: "e", before: "a" }),
    ];
  });
  test.go(0);
  assertEquals(test.go(1), ["abde", "edba", "bd", "bd", "b", "", ""]);
});

Deno.test("keys sort by bytes: numbers by value, texts as UTF-8, lists element by element", () => {
  const sorted: Key[] = [
    -1e300,
    -2,
    -1.5,
    -1,
    -5e-324,
    0,
    5e-324,
    0.5,
    1,
    1.5,
    2,
    10,
    255,
    256,
    2 ** 53,
    1e300,
    "",
    "\0",
    "\0\0",
    "\0a",
    "a",
    "a\0",
    "a\0b",
    "ab",
    "b",
    "é",
    "\u07ff",
    "\uffff",
    "😀",
    [],
    [-1],
    [1],
    [1, 1],
    [1, "a"],
    [2],
    ["", 1],
    ["a"],
    ["a", 1],
    ["a", 2],
    ["a", 10],
    ["a", "", ""],
    ["a", "x"],
    ["a\0"],
    ["a\0", 1],
    ["ab"],
  ];
  const encoded = sorted.map(encodeKey);
  assertEquals(encoded, [...encoded].sort());
  assertEquals(new Set(encoded).size, sorted.length);
  assertEquals(encoded.map(decodeKey), sorted);
  assertEquals(encodeKey(-0), encodeKey(0));
  assertEquals(encoded.every((key) => key.isWellFormed()), true);
  const utf8 = (key: string) => new TextEncoder().encode(key);
  const texts = sorted.filter((key) => typeof key === "string");
  assertEquals(
    texts,
    [...texts].sort((a, b) => {
      const [x, y] = [utf8(a), utf8(b)];
      for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
      return x.length - y.length;
    }),
  );
});

Deno.test("what is no key is refused", () => {
  for (
    const key of [NaN, Infinity, "\ud800", null, undefined, {}, [[]], [NaN], true, "x".repeat(2_000), "é".repeat(600), [
      1n,
    ]]
  ) {
    assertThrows(() => encodeKey(key), TypeError, "key: expected");
  }
});

Deno.test("a prefix of a list has whole elements, that of a text characters", () => {
  const test = trial(({ things }, input) => {
    if (input === 0) {
      for (const key of [["a"], ["a", 1], ["a", "b"], ["a\0"], ["a\0", 1], ["ab"], ["b", 1]]) things.set(key, 0);
      for (const key of ["user/1", "user/2", "user0", "usé", "us\0"]) things.set(key, 0);
      return null;
    }
    return things.range({ prefix: input as string }).map(([key]) => key);
  });
  test.go(0);
  assertEquals(test.go(["a"]), [["a"], ["a", 1], ["a", "b"]]);
  assertEquals(test.go(["a\0"]), [["a\0"], ["a\0", 1]]);
  assertEquals((test.go([]) as unknown[]).length, 7);
  assertEquals(test.go("user/"), ["user/1", "user/2"]);
  assertEquals(test.go("us"), ["us\0", "user/1", "user/2", "user0", "usé"]);
  assertEquals((test.go("") as unknown[]).length, 5);
});

Deno.test("a value that is no JSON is a failure that names the path", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  class Account {}
  const values: readonly (readonly [value: unknown, what: string])[] = [
    [{ a: [1, NaN] }, "NaN at .a[1]"],
    [{ "a b": Infinity }, 'Infinity at ["a b"]'],
    [new Date(0), "a value of the class Date at ."],
    [{ at: new Map() }, "a value of the class Map at .at"],
    [new Account(), "a value of the class Account at ."],
    [[undefined], "undefined at [0]"],
    // deno-lint-ignore no-sparse-arrays
    [[, 1], "undefined at [0]"],
    [{ f: () => 1 }, "a function at .f"],
    [1n, "a bigint at ."],
    [Symbol("s"), "a symbol at ."],
    ["\ud800", "a text that is not well-formed Unicode at ."],
    [{ "\udfff": 1 }, "a name that is not well-formed"],
    [circle, "more than 64 levels, or a circle"],
    [Object.create({ inherited: 1 }), "a value of the class Object at ."],
  ];
  for (const [value, what] of values) {
    assertThrows(() => trial(() => value).go(1), TypeError, `go: result: expected JSON, got ${what}`);
    assertThrows(
      () => trial(({ things }) => things.set("a", value)).go(1),
      TypeError,
      `things.set: expected JSON, got ${what}`,
    );
  }
  assertThrows(() => trial(({ things }) => things.set("a", undefined)).go(1), TypeError, "got undefined at .");
  assertThrows(() => trial(({ things }) => things.set("a", "x".repeat(70_000))).go(1), RangeError, "things.set");
});

Deno.test("-0 is 0, an absent field is as one that is undefined, __proto__ is a name as others are", () => {
  const test = trial(({ things }, input) => {
    things.set("__proto__", input);
    return [things.get("__proto__"), -0, { a: undefined }];
  });
  const nasty: unknown = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
  const [value, zero, empty] = test.go(nasty) as unknown[];
  assertEquals(JSON.stringify(value), JSON.stringify(nasty));
  assert(Object.is(zero, 0));
  assertEquals(empty, {});
  assertEquals(({} as { polluted?: boolean }).polluted, undefined);
});

Deno.test("values that expire are gone at that time, and are removed when others are written", () => {
  const locks = defineMachine({
    name: "locks",
    version: 1,
    state: {
      leases: collection(z.object({ holder: z.string(), until: z.number() }), { expires: "until" }),
      tokens: counter(),
    },
    errors: { held: z.object({ by: z.string() }) },
    operations: {
      acquire: {
        input: z.object({ name: z.string(), leaseMs: z.number() }),
        run({ leases, tokens }, { name, leaseMs }, { client, time, reject }) {
          const held = leases.get(name);
          if (held && held.holder !== client) reject("held", { by: held.holder });
          leases.set(name, { holder: client, until: time + leaseMs });
          return tokens.next();
        },
      },
      release: { input: z.string(), run: ({ leases }, name) => leases.delete(name) },
    },
    queries: { held: { run: ({ leases }, _, { time }) => [time, leases.range().map(([name]) => name)] } },
  });
  const test = testMachine(locks);
  const [ada, bob] = [test.as("ada"), test.as("bob")];
  assertEquals(ada.at(0).acquire({ name: "printer", leaseMs: 100 }), 1);
  assertEquals(bob.at(99).acquire.try({ name: "printer", leaseMs: 100 }), {
    ok: false,
    error: "held",
    detail: { by: "ada" },
  });
  assertEquals([test.at(99).held(), test.at(100).held()], [[99, ["printer"]], [100, []]]);
  assertEquals(ada.at(100).release("printer"), false);
  assertEquals(bob.at(100).acquire({ name: "printer", leaseMs: 100 }), 2);
  assertEquals(ada.at(150).release("printer"), true);
  assertEquals(test.at(150).held(), [150, []]);

  const machine = locks();
  const chunks = new Map<string, Uint8Array>();
  for (let i = 0; i < 1_000; i++) {
    machine.execute(
      locks.encode("acquire", { name: `${i}`, leaseMs: 10 }),
      { ...context, timestamp: i } as OperationContext,
    );
    for (const [id, chunk] of machine.takeChanges()) chunk ? chunks.set(id, chunk) : chunks.delete(id);
  }
  assert([...chunks.values()].reduce((sum, { length }) => sum + length, 0) < 4_000, "old leases are removed");
});

Deno.test("rejections have the path of the field and no word of a library", () => {
  const one = { a: { list: [{ name: "x" }, { name: 1 }] }, n: -1 };
  for (
    const input of [
      z.object({
        n: z.number().positive("a positive number, please"),
        a: z.object({ list: z.array(z.object({ name: z.string() })) }),
      }),
      v.object({
        n: v.pipe(v.number(), v.minValue(0)),
        a: v.object({ list: v.array(v.object({ name: v.string() })) }),
      }),
    ]
  ) {
    const machine = defineMachine({
      name: "strict",
      version: 1,
      state: {},
      operations: { go: { input, run: (_state, { n }) => n } },
    })();
    const go = (operation: string) => {
      try {
        return text(machine.execute(bytes(operation), context));
      } catch (error) {
        assert(error instanceof RejectedOperation && error instanceof OperationError);
        return error.message;
      }
    };
    assertEquals(go(JSON.stringify({ op: "go", input: one })), '{"error":"invalid","detail":{"at":".a.list[1].name"}}');
    assertEquals(go('{"op":"go"}'), '{"error":"invalid","detail":{"at":"."}}');
    assertEquals(go('{"op":"go","input":{"a":{"list":[]},"n":1e400}}'), '{"error":"invalid","detail":{"at":".n"}}');
    assertEquals(go('{"op":"go","input":{"a":{"list":[]},"n":2}}'), "2");
    assertEquals(go('{"op":"__proto__"}'), '{"error":"unknown","detail":{"name":"__proto__"}}');
    assertEquals(go('{"op":"toString"}'), '{"error":"unknown","detail":{"name":"toString"}}');
    assertEquals(go("["), '{"error":"malformed","detail":{"expected":"JSON in UTF-8"}}');
    assertEquals(go("[]"), '{"error":"malformed","detail":{"expected":"an object"}}');
    assertEquals(go('{"op":1}'), '{"error":"malformed","detail":{"expected":"a text as op"}}');
    assertEquals(
      go('{"op":"go","input":1,"x":1}'),
      '{"error":"malformed","detail":{"expected":"the fields op and input only"}}',
    );
    const deep = "[".repeat(5_000) + "]".repeat(5_000);
    assert(go(`{"op":"go","input":${deep}}`).startsWith('{"error":"invalid","detail":{"at":"[0][0]'));
  }
});

Deno.test("a schema that is asynchronous is refused at the definition, or fails with its name", () => {
  const define = (input: unknown) =>
    defineMachine({
      name: "m",
      version: 1,
      state: {},
      operations: { go: { input: input as z.ZodType, run: () => 1 } },
    });
  assertThrows(
    () => define(v.objectAsync({})),
    TypeError,
    "operations.go.input: expected a schema that answers at once",
  );
  assertThrows(() => define(z.any().refine(() => Promise.resolve(true))), TypeError, "operations.go.input");
  assertThrows(() => define({}), TypeError, "Standard Schema");
  const late = define(z.object({ a: z.string().refine(() => Promise.resolve(true)) }));
  assertThrows(
    () => late().execute(late.encode("go", { a: "x" }), context),
    TypeError,
    "go.input: expected a schema that answers at once",
  );
});

Deno.test("a function that is asynchronous is refused, and a promise is no result", () => {
  const state = {};
  assertThrows(
    () => defineMachine({ name: "m", version: 1, state, operations: { go: { run: async () => await 1 } } }),
    TypeError,
    "operations.go.run: expected a function that answers at once",
  );
  assertThrows(
    () => trial(() => Promise.reject(new Error("late"))).go(1),
    TypeError,
    "go: expected a result at once, got a promise",
  );
});

Deno.test("handles are of no use after the operation, and queries can't write", () => {
  let kept: ReturnType<typeof open> | undefined;
  const test = trial(({ things }) => void (kept = things));
  test.go(1);
  assertThrows(() => kept!.get("a"), Error, "things.get: expected to be used while");
  const sly = testMachine(defineMachine({
    name: "sly",
    version: 1,
    state: { things: collection(unchecked<number>()) },
    operations: { go: { run: () => 1 } },
    queries: {
      write: { run: ({ things }) => (things as unknown as { set(key: string, value: number): void }).set("a", 1) },
    },
  }));
  assertThrows(() => sly.write(), Error, "things.set: expected an operation, got a query");
});

Deno.test("an option of range that does not exist is named", () => {
  const test = trial(({ things }) => things.range({ start: "a" } as object).length);
  assertThrows(
    () => test.go(1),
    TypeError,
    "things.range: start: no such option, expected prefix, from, after, before, limit, reverse",
  );
});

Deno.test("definitions name what will not do", () => {
  const base = { name: "m", version: 1, state: {}, operations: {} };
  const refused: readonly (readonly [definition: object, message: string])[] = [
    [{ name: "Bank" }, "name: expected"],
    [{ name: "" }, "name: expected"],
    [{ version: 0 }, "version: expected"],
    [{ version: 1.5 }, "version: expected"],
    [{ version: "1" }, 'version: expected a positive integer, got "1"'],
    [{ state: undefined }, "state: expected an object, got undefined"],
    [{ state: { a: {} } }, "state.a: expected collection() or counter(), got another object"],
    [{ state: { a: new Map() } }, "state.a: expected collection() or counter(), got a value of the class Map"],
    [
      { operation: {} },
      "operation: no such field, expected name, version, state, errors, operations, queries, migrate",
    ],
    [{ operations: { go: () => 1 } }, "operations.go: expected an object with input, output, run, got a function"],
    [
      { operations: { go: { inputs: 1, run: () => 1 } } },
      "operations.go.inputs: no such field, expected input, output",
    ],
    [{ migrate: { form: 1 } }, "migrate.form: no such field, expected from, state, entries"],
    [{ migrate: {} }, "migrate.from: expected a machine of defineMachine, got undefined"],
    [{ state: { "a!": counter() } }, "state: expected names"],
    [{ state: JSON.parse('{"__proto__":1}') }, "state: expected names"],
    [{ operations: { then: { run: () => 1 } } }, "then: expected another name"],
    [{ operations: { go: {} } }, "operations.go.run: expected a function, got undefined"],
    [{ operations: { go: { run: () => 1 } }, queries: { go: { run: () => 1 } } }, "queries.go: expected another name"],
    [{ errors: { invalid: unchecked() } }, "errors.invalid: expected another name"],
    [{ errors: { no: 1 } }, "errors.no: expected a schema"],
  ];
  for (const [part, message] of refused) {
    assertThrows(() => defineMachine({ ...base, ...part } as Parameters<typeof defineMachine>[0]), TypeError, message);
  }
});

Deno.test("an error that is not the machine's, or has another detail, is a failure", () => {
  const test = testMachine(defineMachine({
    name: "m",
    version: 1,
    state: {},
    errors: { no: z.object({ why: z.string() }) },
    operations: {
      go: {
        input: z.number(),
        run: (_state, n) =>
          n === 0 ? reject("other") : n === 1 ? reject("no", {}) : reject("no", { why: "x".repeat(2_000) }),
      },
    },
  }));
  assertThrows(() => test.go(0), TypeError, 'go: expected an error of the machine, got reject("other")');
  assertThrows(() => test.go(1), TypeError, ".why");
  assertThrows(() => test.go(2), RangeError, "expected at most 1024 characters");
});

Deno.test("random numbers are other ones each time, and the same on a machine that was rebuilt", () => {
  const dice = defineMachine({
    name: "dice",
    version: 1,
    state: {},
    operations: { roll: { run: (_state, _input, { random }) => [random(), random()] } },
    queries: { peek: { run: (_state, _input, { random }) => random() } },
  });
  const rolls = () => {
    const test = testMachine(dice);
    return [test.roll(), test.roll(), test.as("bob").roll(), [test.peek(), test.peek()]];
  };
  const numbers = rolls();
  assertEquals(numbers, rolls());
  assertEquals(new Set(numbers.slice(0, 3).flat()).size, 6);
  assertEquals(numbers[3]![0], numbers[3]![1]);
  assert(numbers.flat().every((number) => number >= 0 && number < 1));
});

Deno.test("two collections of one declaration, and names that begin alike, are apart", () => {
  const shared = collection(unchecked<number>());
  const test = testMachine(defineMachine({
    name: "m",
    version: 1,
    state: { a: shared, b: shared, ab: shared, aSs: counter() },
    operations: {
      go: {
        run({ a, b, ab, aSs }) {
          [a, b, ab].forEach((each, i) => ["", "b", "s"].forEach((key) => each.set(key, i)));
          aSs.add(-5);
          return [a, b, ab].map((each) => each.range().map(([key, value]) => key + value).join()).concat(
            String(aSs.value),
          );
        },
      },
    },
  }));
  assertEquals(test.go(), ["0,b0,s0", "1,b1,s1", "2,b2,s2", "-5"]);
});
