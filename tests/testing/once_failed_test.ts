/** Seeds that once failed, and do not any more. */
import { assertEquals } from "@std/assert";
import { drawPlan, run, runOptionsOf } from "../../src/testing/mod.ts";
import { once } from "./_seeds.ts";

for (const { seed, profile, replicas, kinds, why } of once()) {
  Deno.test(`seed ${seed} of the ${profile} profile does not fail again: ${why}`, async () => {
    const options = { profile, ...(replicas !== undefined && { replicas }), ...(kinds && { kinds }) };
    const { violation } = await run(drawPlan(seed, options), runOptionsOf({}));
    assertEquals(violation, null);
  });
}
