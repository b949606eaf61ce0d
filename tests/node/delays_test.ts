import { assertEquals } from "@std/assert";
import { Delays } from "../../src/node/async/delays.ts";
import { ManualTimer } from "./_manual_timer.ts";

Deno.test("a delayed call comes at its time", async () => {
  const timer = new ManualTimer();
  const calls: string[] = [];
  const delays = new Delays(timer);
  delays.after(20, () => calls.push("second"));
  delays.after(10, () => calls.push("first"));
  await timer.advance(10);
  assertEquals(calls, ["first"]);
  await timer.advance(10);
  assertEquals(calls, ["first", "second"]);
});

Deno.test("stopping cancels the calls, ends the waits, and lets nobody set a timer any more", async () => {
  const timer = new ManualTimer();
  const calls: string[] = [];
  const delays = new Delays(timer);
  delays.after(10, () => calls.push("late"));
  const waiting = delays.pass(10);
  delays.stop();
  await waiting;
  delays.after(10, () => calls.push("later"));
  await delays.pass(10);
  assertEquals(timer.alarmsInMs, []);
  await timer.advance(100);
  assertEquals(calls, []);
});
