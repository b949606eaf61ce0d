import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { millis } from "../../src/core/messages/ids.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";

Deno.test("an alarm fires at its time, once", () => {
  using time = new FakeTime(1_000_000);
  let fired = 0;
  systemTimer().schedule(millis(1_000_500), () => fired++);
  time.tick(499);
  assertEquals(fired, 0);
  time.tick(1);
  assertEquals(fired, 1);
  time.tick(100_000);
  assertEquals(fired, 1);
});

Deno.test("an alarm that is cancelled does not fire", () => {
  using time = new FakeTime(1_000_000);
  let fired = 0;
  systemTimer().schedule(millis(1_000_500), () => fired++)();
  time.tick(10_000);
  assertEquals(fired, 0);
});

Deno.test("an alarm in the past fires at once", () => {
  using time = new FakeTime(1_000_000);
  let fired = 0;
  systemTimer().schedule(millis(5), () => fired++);
  time.tick(0);
  assertEquals(fired, 1);
});

Deno.test("an alarm may be further away than setTimeout can say, and is cancelled all the same", () => {
  using time = new FakeTime(1_000_000);
  const day = 24 * 60 * 60 * 1000;
  const fired: string[] = [];
  systemTimer().schedule(millis(1_000_000 + 30 * day), () => fired.push("kept"));
  const cancel = systemTimer().schedule(millis(1_000_000 + 30 * day), () => fired.push("cancelled"));
  time.tick(29 * day);
  assertEquals(fired, []);
  cancel();
  time.tick(day);
  assertEquals(fired, ["kept"]);
});

Deno.test("what is to run soon runs after what is queued already, and in order", async () => {
  const order: string[] = [];
  const timer = systemTimer();
  const { promise, resolve } = Promise.withResolvers<void>();
  timer.soon(() => order.push("first"));
  timer.soon(() => {
    order.push("second");
    resolve();
  });
  queueMicrotask(() => order.push("microtask"));
  order.push("now");
  await promise;
  assertEquals(order, ["now", "microtask", "first", "second"]);
});

Deno.test("durations are measured on a clock that does not jump", () => {
  const timer = systemTimer();
  const before = timer.monotonic();
  assert(timer.monotonic() >= before);
  assert(Math.abs(timer.now() - Date.now()) < 60_000);
});
