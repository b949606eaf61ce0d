import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotInstanceOf,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unimplemented,
  unreachable,
} from "@std/assert";

const cycle: { self?: unknown } = {};
cycle.self = cycle;
const otherCycle: { self?: unknown } = {};
otherCycle.self = otherCycle;

class Secret {
  #value: number;
  constructor(value: number) {
    this.#value = value;
  }
  get value(): number {
    return this.#value;
  }
}

const pairs: readonly [name: string, a: unknown, b: unknown, equal: boolean][] = [
  ["numbers", 1, 1, true],
  ["a number and its text", 1, "1", false],
  ["zeros of either sign", 0, -0, true],
  ["NaN and itself", NaN, NaN, true],
  ["null and undefined", null, undefined, false],
  ["big integers", 10n, 10n, true],
  ["nested objects", { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, true],
  ["objects in another key order", { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ["objects that differ deep down", { a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, false],
  ["an absent key and an undefined one", {}, { a: undefined }, false],
  ["undefined ones under other keys", { a: undefined }, { b: undefined }, false],
  ["an object without a prototype and a plain one", Object.assign(Object.create(null), { a: 1 }), { a: 1 }, true],
  ["arrays of other lengths", [1, 2], [1, 2, 3], false],
  ["a hole and undefined", [1, , 2], [1, undefined, 2], false],
  ["an array and an object with its keys", [1], { 0: 1 }, false],
  ["equal bytes", Uint8Array.of(1, 2), Uint8Array.of(1, 2), true],
  ["other bytes", Uint8Array.of(1, 2), Uint8Array.of(1, 3), false],
  ["bytes that begin alike", Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3), false],
  ["views of other types", Uint8Array.of(1), Int8Array.of(1), false],
  ["a view into a larger buffer", new Uint8Array([9, 1, 9]).subarray(1, 2), Uint8Array.of(1), true],
  ["buffers", Uint8Array.of(1).buffer, Uint8Array.of(2).buffer, false],
  ["maps in another order", new Map([[1, "a"], [2, "b"]]), new Map([[2, "b"], [1, "a"]]), true],
  ["maps of other values", new Map([[1, "a"]]), new Map([[1, "b"]]), false],
  ["maps with structured keys", new Map([[{ k: 1 }, [1]]]), new Map([[{ k: 1 }, [1]]]), true],
  ["maps of bytes", new Map([["a", Uint8Array.of(1)]]), new Map([["a", Uint8Array.of(2)]]), false],
  ["sets in another order", new Set([1, 2]), new Set([2, 1]), true],
  ["sets of structures", new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 2 }]), false],
  ["dates", new Date(1), new Date(1), true],
  ["other dates", new Date(1), new Date(2), false],
  ["expressions of other flags", /a/g, /a/i, false],
  ["addresses", new URL("http://a/b"), new URL("http://a/c"), false],
  ["an object and one of a class", { value: 1 }, new Secret(1), false],
  ["private state that a getter shows", new Secret(1), new Secret(2), false],
  ["headers", new Headers({ a: "1" }), new Headers({ a: "1" }), true],
  ["symbol keys", { [Symbol.iterator]: 1 }, { [Symbol.iterator]: 2 }, false],
  ["cycles", cycle, otherCycle, true],
  ["functions", () => {}, () => {}, false],
];

for (const [name, a, b, expected] of pairs) {
  Deno.test(`equal: ${name} are ${expected ? "" : "not "}equal, from both sides`, () => {
    if (equal(a, b) !== expected || equal(b, a) !== expected) throw new Error(`expected ${expected}`);
    (expected ? assertEquals : assertNotEquals)(a, b);
    assertThrows(() => (expected ? assertNotEquals : assertEquals)(a, b), AssertionError);
  });
}

const passing: readonly (readonly [name: string, passes: () => unknown, fails: () => unknown])[] = [
  ["assert", () => assert(1), () => assert(0)],
  ["assertFalse", () => assertFalse(""), () => assertFalse("x")],
  ["assertStrictEquals", () => assertStrictEquals(cycle, cycle), () => assertStrictEquals({}, {})],
  ["assertNotStrictEquals", () => assertNotStrictEquals({}, {}), () => assertNotStrictEquals(1, 1)],
  ["assertExists", () => assertExists(0), () => assertExists(null)],
  ["assertAlmostEquals", () => assertAlmostEquals(1, 1.00000001), () => assertAlmostEquals(1, 1.1)],
  ["assertAlmostEquals with a tolerance", () => assertAlmostEquals(1, 1.1, 0.2), () => assertAlmostEquals(1, 1.3, 0.2)],
  ["assertGreater", () => assertGreater(2, 1), () => assertGreater(1, 1)],
  ["assertGreaterOrEqual", () => assertGreaterOrEqual(1, 1), () => assertGreaterOrEqual(0, 1)],
  ["assertLess", () => assertLess(1, 2), () => assertLess(NaN, 2)],
  ["assertLessOrEqual", () => assertLessOrEqual(1, 1), () => assertLessOrEqual(2, 1)],
  ["assertStringIncludes", () => assertStringIncludes("abc", "b"), () => assertStringIncludes("abc", "d")],
  ["assertMatch", () => assertMatch("abc", /b/), () => assertMatch("abc", /d/)],
  ["assertNotMatch", () => assertNotMatch("abc", /d/), () => assertNotMatch("abc", /b/)],
  [
    "assertArrayIncludes",
    () => assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }]),
    () => assertArrayIncludes([1], [2]),
  ],
  [
    "assertObjectMatch",
    () => assertObjectMatch({ a: { b: 1, c: 2 }, d: [{ e: 3, f: 4 }] }, { a: { b: 1 }, d: [{ e: 3 }] }),
    () => assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }),
  ],
  ["assertObjectMatch, a key too many", () => assertObjectMatch({ a: 1 }, {}), () => assertObjectMatch({}, { a: 1 })],
  [
    "assertObjectMatch, on a class",
    () => assertObjectMatch({ a: new Error("x") }, { a: { message: "x" } }),
    () => assertObjectMatch({ a: new Error("x") }, { a: { message: "y" } }),
  ],
  ["assertInstanceOf", () => assertInstanceOf(new TypeError(), Error), () => assertInstanceOf({}, Error)],
  ["assertNotInstanceOf", () => assertNotInstanceOf({}, Error), () => assertNotInstanceOf(new TypeError(), Error)],
  ["fail", () => {}, () => fail()],
  ["unreachable", () => {}, () => unreachable()],
  ["unimplemented", () => {}, () => unimplemented()],
];

for (const [name, passes, fails] of passing) {
  Deno.test(`${name} passes and fails where it should`, () => {
    passes();
    try {
      fails();
    } catch (error) {
      if (error instanceof AssertionError) return;
      throw error;
    }
    throw new Error("it passed where it should fail");
  });
}

Deno.test("a failed comparison shows both values and the caller's words", () => {
  const { message } = assertThrows(() => assertEquals({ a: 1 }, { a: 2 }, "the sum"), AssertionError);
  assertStringIncludes(message, "Values are not equal: the sum");
  assertMatch(message, /-.*a: 2|\+.*a: 1/);
});

Deno.test("assertThrows returns the error, and checks its class and message", () => {
  const thrower = () => {
    throw new TypeError("expected a digest");
  };
  assertStrictEquals(assertThrows(thrower, TypeError, "a digest").message, "expected a digest");
  assertThrows(() => assertThrows(thrower, RangeError), AssertionError, "RangeError");
  assertThrows(() => assertThrows(thrower, TypeError, "a view"), AssertionError, "a view");
  assertThrows(() => assertThrows(() => {}), AssertionError, "Expected function to throw");
});

Deno.test("assertRejects wants a rejection, not an exception and not a value", async () => {
  const rejecter = () => Promise.reject(new TypeError("expected a digest"));
  assertStrictEquals((await assertRejects(rejecter, TypeError, "digest")).message, "expected a digest");
  await assertRejects(() => assertRejects(rejecter, RangeError), AssertionError, "RangeError");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "Expected function to reject");
  const thrower = (): Promise<never> => {
    throw new TypeError("at once");
  };
  await assertRejects(() => assertRejects(thrower, TypeError), AssertionError, "Function throws");
});
