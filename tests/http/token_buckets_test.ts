import { assertEquals, assertThrows } from "@std/assert";
import { type RateLimit, TokenBuckets } from "../../src/http/middleware/token_buckets.ts";

function buckets(limit: RateLimit, maxKeys = 100) {
  const clock = { now: 0 };
  return { clock, buckets: new TokenBuckets({ limit, maxKeys, now: () => clock.now }) };
}

Deno.test("a key gets a burst at once, and then its rate per second", () => {
  const { clock, buckets: b } = buckets({ perSecond: 2, burst: 3 });
  assertEquals([1, 2, 3, 4].map(() => b.take("a")), [0, 0, 0, 1]);
  clock.now += 500;
  assertEquals([b.take("a"), b.take("a")], [0, 1]);
  clock.now += 60_000;
  assertEquals([1, 2, 3, 4].map(() => b.take("a")), [0, 0, 0, 1]);
});

Deno.test("each key has its own bucket", () => {
  const { buckets: b } = buckets({ perSecond: 1, burst: 1 });
  assertEquals([b.take("a"), b.take("b"), b.take("a"), b.take("b")], [0, 0, 1, 1]);
});

Deno.test("a cost above the content of the bucket passes, and leaves a debt", () => {
  const { clock, buckets: b } = buckets({ perSecond: 10, burst: 20 });
  assertEquals(b.take("a", 120), 0);
  assertEquals(b.take("a"), 11);
  clock.now += 10_000;
  assertEquals(b.take("a"), 1);
  clock.now += 100;
  assertEquals(b.take("a"), 0);
});

Deno.test("a refusal takes no tokens, and a clock that goes back adds none", () => {
  const { clock, buckets: b } = buckets({ perSecond: 1, burst: 1 });
  assertEquals(b.take("a"), 0);
  for (let i = 0; i < 50; i++) assertEquals(b.take("a"), 1);
  clock.now -= 5_000;
  assertEquals(b.take("a"), 1);
  clock.now += 1_000;
  assertEquals(b.take("a"), 0);
});

Deno.test("the number of remembered keys is bounded; the least recently used key is forgotten", () => {
  const { buckets: b } = buckets({ perSecond: 1, burst: 1 }, 2);
  for (const key of ["a", "b", "a", "c"]) b.take(key);
  assertEquals(b.size, 2);
  assertEquals([b.take("a"), b.take("c"), b.take("b")], [1, 1, 0]);
  for (let i = 0; i < 10_000; i++) b.take(`key ${i}`);
  assertEquals(b.size, 2);
});

Deno.test("rates below one per second work, and an invalid limit is refused", () => {
  const { clock, buckets: b } = buckets({ perSecond: 0.1 });
  assertEquals([b.take("a"), b.take("a")], [0, 10]);
  clock.now += 10_000;
  assertEquals(b.take("a"), 0);
  for (const perSecond of [0, -1, NaN, Infinity]) assertThrows(() => buckets({ perSecond }), RangeError, "perSecond");
  assertThrows(() => buckets({ perSecond: 1, burst: 0 }), RangeError, "burst");
});
