import { assertEquals } from "@std/assert";
import { Gathering } from "../../src/node/gateway/gathering.ts";
import { ManualTimer } from "../client/manual_timer.ts";

/** A gateway whose bundles have taken 100 ms of late. */
function setUp(expected: number) {
  const timer = new ManualTimer();
  let wakes = 0;
  const gathering = new Gathering({ timer, wake: () => wakes++ });
  for (let i = 0; i < 50; i++) gathering.onAnswered(expected, 0, 100);
  return { timer, gathering, wakes: () => wakes };
}

Deno.test("a lone caller's operation is signed at once, and so is the first of all", () => {
  const fresh = new Gathering({ timer: new ManualTimer(), wake: () => {} });
  assertEquals([fresh.isComplete(1, 0), fresh.isComplete(1, 7)], [true, true]);
  const { timer, gathering } = setUp(1);
  assertEquals([gathering.isComplete(1, 0), timer.pending], [true, 0]);
});

Deno.test("operations wait for the other callers that were answered with theirs, and not longer than 15 % of a bundle's time", () => {
  const { timer, gathering, wakes } = setUp(50);
  assertEquals([gathering.isComplete(1, 0), gathering.isComplete(49, 0), timer.pending], [false, false, 1]);
  assertEquals([gathering.isComplete(50, 0), timer.pending], [true, 0]);
  assertEquals(gathering.isComplete(20, 0), false);
  timer.advance(14);
  assertEquals(wakes(), 0);
  timer.advance(2);
  assertEquals([wakes(), gathering.isComplete(20, 0), timer.pending], [1, true, 0]);
});

Deno.test("operations wait for a bundle in flight, but not longer than half of its time, and never longer than 50 ms", () => {
  const { timer, gathering, wakes } = setUp(50);
  assertEquals([gathering.isComplete(60, 50), timer.pending], [false, 1]);
  timer.advance(20);
  gathering.onAnswered(50, 60, 100);
  // The callers just answered are likely to come back: 110 are expected.
  assertEquals([gathering.isComplete(60, 0), gathering.isComplete(110, 0), timer.pending], [false, true, 0]);
  assertEquals(gathering.isComplete(10, 110), false);
  timer.advance(51);
  assertEquals([wakes(), gathering.isComplete(10, 110)], [1, true]);
  for (let i = 0; i < 50; i++) gathering.onAnswered(50, 0, 60_000);
  assertEquals(gathering.isComplete(10, 110), false);
  timer.advance(51);
  assertEquals([wakes(), gathering.isComplete(10, 110)], [2, true]);
});

Deno.test("an end of the wait leaves no alarm", () => {
  const { timer, gathering } = setUp(50);
  gathering.isComplete(1, 0);
  gathering.stop();
  assertEquals(timer.pending, 0);
});
