import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { drawPlan, run, runOptionsOf, simulate } from "../../src/testing/mod.ts";
import { once } from "./_seeds.ts";

Deno.test("the same seed gives the same trace, byte for byte", async () => {
  const [first, second] = [await simulate({ seed: 5, trace: true }), await simulate({ seed: 5, trace: true })];
  assert(first.trace.length > 100);
  assertEquals(second.trace.join("\n") === first.trace.join("\n"), true);
  assertEquals(second.events, first.events);
  assertNotEquals((await simulate({ seed: 6, trace: true })).trace.join("\n"), first.trace.join("\n"));
});

Deno.test("two simulations at once don't disturb each other", async () => {
  const alone = await simulate({ seed: 8, trace: true });
  const [together] = await Promise.all([simulate({ seed: 8, trace: true }), simulate({ seed: 9 })]);
  assertEquals(together.trace.join("\n") === alone.trace.join("\n"), true);
});

Deno.test("a default plan has four to ten replicas, at least 300 operations and 60 virtual seconds, and several faults", () => {
  for (let seed = 0; seed < 300; seed++) {
    const { replicas, durationMs, signedClients, unsignedClients, faults } = drawPlan(seed);
    const operations = [...signedClients, ...unsignedClients].reduce((sum, own) => sum + own.operations, 0);
    assert(replicas >= 4 && replicas <= 10 && durationMs >= 60_000 && operations >= 300, `seed ${seed}`);
    assert(new Set(faults.map(({ kind }) => kind)).size >= 2, `seed ${seed} has several kinds of faults`);
  }
});

for (
  const [profile, count] of [["default", 25], ["byzantine", 8], ["crashes", 8], ["network", 8], ["calm", 5]] as const
) {
  Deno.test(`${count} seeds of the ${profile} profile break nothing`, async () => {
    const report = await simulate({ seed: 10_000, runs: count, profile });
    assertEquals(report.violation, null, `seed ${report.plan.seed}`);
  });
}

for (const { seed, profile, replicas, why } of once()) {
  Deno.test(`seed ${seed} of the ${profile} profile does not fail again: ${why}`, async () => {
    const options = { profile, ...(replicas !== undefined && { replicas }) };
    const { violation } = await run(drawPlan(seed, options), runOptionsOf({}));
    assertEquals(violation, null);
  });
}
