import { assertEquals, assertGreater } from "@std/assert";
import { createJitter } from "../../src/node/async/backoff.ts";
import { OtherInstances } from "../../src/node/durable/other_instances.ts";
import { ManualTimer } from "./_manual_timer.ts";

function instances() {
  const timer = new ManualTimer();
  const others = new OtherInstances({
    timer,
    jitter: createJitter(1),
    poll: () => Promise.resolve(false),
    onQuiet: () => {},
  });
  return { timer, others };
}

Deno.test("an idle instance that loses each commit of a status to another one is not kept from its next operation any longer", async () => {
  const { timer, others } = instances();
  for (let status = 0; status < 40; status++) {
    assertEquals(others.noteConflict(), 0, `status ${status}`);
    await timer.advance(2_000);
  }
});

Deno.test("an instance whose attempts fail one after another waits longer and longer between them", async () => {
  const { timer, others } = instances();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 40; attempt++) {
    waits.push(others.noteConflict());
    await timer.advance(waits.at(-1)! + 20);
  }
  assertEquals(waits[0], 0);
  assertGreater(Math.min(...waits.slice(20)), 200);
});
