import { assertEquals } from "@std/assert";
import { Deadlines } from "../../src/http/bodies/deadlines.ts";
import { ManualTimer } from "../client/manual_timer.ts";

Deno.test("each deadline fires once at its own time, with a single timer", () => {
  const timer = new ManualTimer();
  const deadlines = new Deadlines(timer, 100);
  const fired: string[] = [];
  for (const name of ["first", "second", "third"]) {
    deadlines.set(() => fired.push(name));
    timer.advance(30);
  }
  assertEquals([fired, timer.pending], [[], 1]);
  timer.advance(10);
  assertEquals(fired, ["first"]);
  timer.advance(30);
  assertEquals(fired, ["first", "second"]);
  timer.advance(1_000);
  assertEquals([fired, timer.pending], [["first", "second", "third"], 0]);
});

Deno.test("a deadline that is cleared does not fire", () => {
  const timer = new ManualTimer();
  const deadlines = new Deadlines(timer, 100);
  const fired: string[] = [];
  const clear = deadlines.set(() => fired.push("cleared"));
  deadlines.set(() => fired.push("kept"));
  clear();
  timer.advance(1_000);
  assertEquals(fired, ["kept"]);
});

Deno.test("a deadline's signal aborts at the deadline, and not if it is cleared", () => {
  const timer = new ManualTimer();
  const deadlines = new Deadlines(timer, 100);
  const [kept, cleared] = [deadlines.signal(), deadlines.signal()];
  cleared.clear();
  timer.advance(99);
  assertEquals([kept.signal.aborted, cleared.signal.aborted], [false, false]);
  timer.advance(1);
  assertEquals([kept.signal.aborted, cleared.signal.aborted], [true, false]);
});

Deno.test("a deadline set while another one fires, fires too", () => {
  const timer = new ManualTimer();
  const deadlines = new Deadlines(timer, 100);
  const fired: number[] = [];
  deadlines.set(() => {
    fired.push(timer.now());
    deadlines.set(() => fired.push(timer.now()));
  });
  const start = timer.now();
  timer.advance(1_000);
  assertEquals(fired, [start + 100, start + 200]);
});

Deno.test("after close no deadline fires and no timer is left", () => {
  const timer = new ManualTimer();
  const deadlines = new Deadlines(timer, 100);
  let fired = 0;
  deadlines.set(() => fired++);
  deadlines.close();
  timer.advance(1_000);
  assertEquals([fired, timer.pending], [0, 0]);
});

Deno.test("when the last deadline is cleared no timer is left after the turn, as it would keep some hosts awake", async () => {
  const timer = new ManualTimer();
  const deadlines = new Deadlines(timer, 10_000);
  const [one, other] = [deadlines.set(() => {}), deadlines.set(() => {})];
  one();
  assertEquals(timer.pending, 1);
  other();
  await timer.turn();
  assertEquals(timer.pending, 0);
  deadlines.set(() => {});
  assertEquals(timer.pending, 1);
});

Deno.test("a deadline that is set in the turn in which the last was cleared uses its timer, and fires in time", async () => {
  const timer = new ManualTimer();
  const deadlines = new Deadlines(timer, 100);
  const fired: string[] = [];
  const clear = deadlines.set(() => fired.push("cleared"));
  timer.advance(60);
  clear();
  deadlines.set(() => fired.push("kept"));
  await timer.turn();
  assertEquals(timer.pending, 1);
  timer.advance(90);
  assertEquals(fired, []);
  timer.advance(20);
  assertEquals([fired, timer.pending], [["kept"], 0]);
});
