import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { abortable, deadline, delay, pooledMap, retry, RetryError } from "@std/async";

Deno.test("delay resolves, and rejects with the reason of an abort", async () => {
  await delay(0);
  const controller = new AbortController();
  const waiting = delay(1_000_000, { signal: controller.signal });
  controller.abort(new TypeError("enough"));
  await assertRejects(() => waiting, TypeError, "enough");
  await assertRejects(() => delay(0, { signal: controller.signal }), TypeError, "enough");
});

Deno.test("deadline passes a value and an error on, and leaves no timer behind", async () => {
  assertEquals(await deadline(Promise.resolve(7), 1_000_000), 7);
  await assertRejects(() => deadline(Promise.reject(new TypeError("no")), 1_000_000), TypeError, "no");
});

Deno.test("deadline rejects with a TimeoutError when the promise does not settle", async () => {
  const error = await assertRejects(() => deadline(new Promise(() => {}), 0), DOMException);
  assertEquals(error.name, "TimeoutError");
});

Deno.test("abortable rejects at once when the signal has aborted already", async () => {
  await assertRejects(() => abortable(new Promise(() => {}), AbortSignal.abort(new RangeError("late"))), RangeError);
});

Deno.test("pooledMap keeps the order and its limit, and yields before all have begun", async () => {
  let underWay = 0, most = 0, begun = 0;
  const gates = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
  const results = pooledMap(2, gates.keys(), async (i) => {
    begun++;
    most = Math.max(most, ++underWay);
    await gates[i]!.promise;
    underWay--;
    return i * i;
  });
  await delay(0);
  assertEquals(begun, 2);
  gates[0]!.resolve();
  assertEquals((await results.next()).value, 0);
  assert(begun < 6);
  for (const gate of gates) gate.resolve();
  assertEquals(await Array.fromAsync(results), [1, 4, 9, 16, 25]);
  assertEquals(most, 2);
});

Deno.test("pooledMap gives the errors of its items as one AggregateError", async () => {
  const failing = pooledMap(1, [1, 2, 3], (n) => n === 2 ? Promise.reject(new TypeError("two")) : Promise.resolve(n));
  const seen: number[] = [];
  const error = await assertRejects(async () => {
    for await (const n of failing) seen.push(n);
  }, AggregateError);
  assertEquals(error.errors.map((e) => e.message), ["two"]);
  assertEquals(seen, [1]);
  assertThrows(() => pooledMap(0, [1], () => Promise.resolve(1)), RangeError);
});

Deno.test("retry calls until it works, and says why it gave up", async () => {
  let calls = 0;
  const quick = { minTimeout: 0, maxTimeout: 1, jitter: 0 };
  assertEquals(
    await retry(() => ++calls < 3 ? Promise.reject(new Error("not yet")) : Promise.resolve("done"), quick),
    "done",
  );
  const cause = new Error("never");
  const error = await assertRejects(() => retry(() => Promise.reject(cause), { ...quick, maxAttempts: 2 }), RetryError);
  assertStrictEquals(error.cause, cause);
  const isRetriable = () => false;
  await assertRejects(() => retry(() => Promise.reject(cause), { ...quick, isRetriable }), Error, "never");
});
