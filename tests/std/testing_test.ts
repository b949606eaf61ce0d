import { assertEquals, AssertionError, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import {
  assertSpyCall,
  assertSpyCallArg,
  assertSpyCallAsync,
  assertSpyCalls,
  returnsNext,
  spy,
  stub,
} from "@std/testing/mock";
import { FakeTime, TimeError } from "@std/testing/time";

Deno.test("fake time fires timers in the order in which they are due, at their time", () => {
  using time = new FakeTime(1000);
  const fired: [string, number][] = [];
  setTimeout(() => fired.push(["late", Date.now()]), 50);
  setTimeout(() => fired.push(["early", Date.now()]), 10);
  const every = setInterval(() => fired.push(["every", Date.now()]), 20);
  clearTimeout(setTimeout(() => fired.push(["cleared", Date.now()]), 5));
  time.tick(45);
  assertEquals(fired, [["early", 1010], ["every", 1020], ["every", 1040]]);
  clearInterval(every);
  time.tick(100);
  assertEquals(fired.at(-1), ["late", 1050]);
  assertEquals([time.start, time.now, Date.now(), new Date().getTime()], [1000, 1145, 1145, 1145]);
});

Deno.test("fake time's next fires all that is due at the next time, and says when there is nothing", () => {
  using time = new FakeTime(0);
  const fired: number[] = [];
  for (const n of [1, 2]) setTimeout(() => fired.push(n), 10);
  assertEquals([time.next(), fired, time.now], [true, [1, 2], 10]);
  assertEquals(time.next(), false);
  setTimeout(() => setTimeout(() => fired.push(3), 5), 5);
  time.runAll();
  assertEquals([fired, time.now], [[1, 2, 3], 20]);
});

Deno.test("fake time lets promise callbacks run between timers when asked to", async () => {
  using time = new FakeTime();
  const done: string[] = [];
  (async () => {
    await new Promise<void>((resolve) => setTimeout(resolve, 1000));
    await new Promise<void>((resolve) => setTimeout(resolve, 1000));
    done.push("both");
  })();
  await time.tickAsync(1000);
  await time.tickAsync(1000);
  await time.runMicrotasks();
  assertEquals(done, ["both"]);
  setTimeout(() => setTimeout(() => done.push("chained"), 7), 7);
  await time.runAllAsync();
  assertEquals(done, ["both", "chained"]);
});

Deno.test("fake time is restored, lent back for a while, and never faked twice", async () => {
  const { Date: RealDate, setTimeout: realSetTimeout } = globalThis;
  const time = new FakeTime(0);
  assertThrows(() => new FakeTime(), TimeError);
  assertThrows(() => time.now = -1, RangeError);
  assertStrictEquals(await FakeTime.restoreFor(() => globalThis.Date), RealDate);
  assertEquals(Date.now(), 0);
  FakeTime.restore();
  assertStrictEquals(globalThis.setTimeout, realSetTimeout);
  assertThrows(() => FakeTime.restore(), TimeError);
});

Deno.test("a spy records arguments, results and errors", async () => {
  const half = spy((n: number) => {
    if (n % 2) throw new TypeError("odd");
    return n / 2;
  });
  assertEquals(half(4), 2);
  assertThrows(() => half(3), TypeError);
  assertSpyCalls(half, 2);
  assertSpyCall(half, 0, { args: [4], returned: 2 });
  assertSpyCall(half, 1, { error: { Class: TypeError, msgIncludes: "odd" } });
  assertEquals(assertSpyCallArg(half, 1, 0, 3), 3);
  assertThrows(() => assertSpyCalls(half, 1), AssertionError, "more than");
  assertThrows(() => assertSpyCall(half, 0, { args: [5] }), AssertionError);
  assertThrows(() => assertSpyCall(half, 2), AssertionError, "does not exist");
  const later = spy((n: number) => Promise.resolve(n));
  await later(1);
  await assertSpyCallAsync(later, 0, { args: [1], returned: 1 });
  await assertRejects(() => assertSpyCallAsync(later, 0, { returned: 2 }), AssertionError);
});

Deno.test("a stub stands in for a method until it is restored", () => {
  const dice = {
    roll(): number {
      return 6;
    },
  };
  {
    using rolls = stub(dice, "roll", returnsNext([1, new RangeError("under the table")]));
    assertEquals(dice.roll(), 1);
    assertThrows(() => dice.roll(), RangeError);
    assertSpyCall(rolls, 0, { self: dice, returned: 1 });
  }
  assertEquals(dice.roll(), 6);
  using watched = spy(dice, "roll");
  assertEquals(dice.roll(), 6);
  assertSpyCalls(watched, 1);
});

const order: string[] = [];
describe("bdd runs hooks around each test, outer ones outside", () => {
  beforeAll(() => void order.push("all+"));
  beforeEach(() => void order.push("outer+"));
  afterEach(() => void order.push("outer-"));
  afterAll(() => {
    order.push("all-");
    assertEquals(order, ["all+", "outer+", "one", "outer-", "outer+", "inner+", "two", "inner-", "outer-", "all-"]);
  });
  it("runs a test", () => void order.push("one"));
  it.skip("runs no skipped test", () => void order.push("skipped"));
  describe("nested", () => {
    beforeEach(() => void order.push("inner+"));
    afterEach(() => void order.push("inner-"));
    it("runs a nested test", () => void order.push("two"));
  });
});
