import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { millis } from "../../src/core/messages/ids.ts";
import { ObjectTimer } from "../../src/runtime/host/object_timer.ts";

function opened(time: FakeTime) {
  const alarms: number[] = [];
  const start = time.now;
  const timer = new ObjectTimer({ setAlarm: (at) => Promise.resolve(void alarms.push(at - start)) });
  const fired: string[] = [];
  const schedule = (name: string, ms: number) => timer.wake(millis(start + ms), () => fired.push(name));
  return { timer, alarms, fired, schedule };
}

Deno.test("what is due fires at its time while the object is in memory, unless it was called off", () => {
  using time = new FakeTime();
  const { fired, schedule } = opened(time);
  schedule("a", 50);
  const cancel = schedule("b", 60);
  schedule("overdue", -5);
  time.tick(0);
  assertEquals(fired, ["overdue"]);
  cancel();
  time.tick(100);
  assertEquals(fired, ["overdue", "a"]);
});

Deno.test("for what is far no timeout is set, so that the object may sleep: the alarm does it, once", () => {
  using time = new FakeTime();
  const { timer, alarms, fired, schedule } = opened(time);
  schedule("far", 60_000);
  const cancel = schedule("called off", 60_000);
  cancel();
  assertEquals(time.next(), false);
  time.tick(60_000);
  assertEquals([fired, alarms], [[], [60_000]]);
  schedule("near", 65_000);
  timer.onAlarm();
  assertEquals([fired, alarms], [["far"], [60_000, 65_000]]);
  time.tick(5_000);
  timer.onAlarm();
  assertEquals(fired, ["far", "near"]);
});

Deno.test("the stored alarm is moved to what is earlier, and not written for what is later or very soon", () => {
  using time = new FakeTime();
  const { alarms, schedule } = opened(time);
  for (const ms of [60_000, 90_000, 10_000, 20_000, 5, 6, 7]) schedule("x", ms)();
  assertEquals(alarms, [60_000, 10_000, 2_000]);
});

Deno.test("an alarm that was too early is set again for what is due next", () => {
  using time = new FakeTime();
  const { timer, alarms, schedule } = opened(time);
  const cancel = schedule("a", 5_000);
  schedule("b", 30_000);
  cancel();
  time.tick(5_000);
  timer.onAlarm();
  assertEquals(alarms, [5_000, 30_000]);
  assertGreaterOrEqual(timer.now(), 0);
  time.tick(30_000);
});

Deno.test("what only memory waits for sets no alarm, and leaves nothing pending once it is called off", () => {
  using time = new FakeTime();
  const { timer, alarms, fired } = opened(time);
  const cancel = timer.schedule(millis(time.now + 10_000), () => fired.push("deadline"));
  timer.schedule(millis(time.now + 5_000), () => fired.push("delivery"));
  time.tick(5_000);
  cancel();
  assertEquals([fired, alarms, time.next()], [["delivery"], [], false]);
});
