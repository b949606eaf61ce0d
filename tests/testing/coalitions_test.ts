import { assert, assertEquals } from "@std/assert";
import { restructured } from "../../src/testing/coalitions/restructure.ts";
import { SCHEME_NAMES } from "../../src/testing/coalitions/schemes.ts";
import { Coverage, drawPlan, type Plan, Random, run, runOptionsOf, simulate } from "../../src/testing/mod.ts";
import { faultyReplicas } from "../../src/testing/plan/plan.ts";

Deno.test("a coalition has f members", () => {
  for (let seed = 0; seed < 200; seed++) {
    const plan = drawPlan(seed, { kinds: ["coalitions"] });
    assertEquals(faultyReplicas(plan).length, Math.floor((plan.replicas - 1) / 3), `seed ${seed}`);
  }
});

Deno.test("a kind of trouble does not change the rest of the seed's plan", () => {
  const [plain, laid] = [drawPlan(7, { kinds: [], replicas: 4 }), drawPlan(7, { kinds: ["coalitions"], replicas: 4 })];
  assertEquals({ ...laid, faults: [] }, { ...plain, faults: [] });
});

Deno.test("with a coalition, the same seed gives the same run, byte for byte", async () => {
  // Seven replicas, of which two lie together.
  const options = { seed: 5, kinds: ["coalitions"], trace: true } as const;
  const [first, second] = [await simulate(options), await simulate(options)];
  assertEquals(second.trace.join("\n") === first.trace.join("\n"), true);
});

Deno.test("coalitions act as their schemes say", async () => {
  const coverage = new Coverage();
  const plan = drawPlan(1, { kinds: ["coalitions"], replicas: 4 });
  for (const [i, schemes] of [SCHEME_NAMES.slice(0, 6), SCHEME_NAMES.slice(6), SCHEME_NAMES].entries()) {
    const faults: Plan["faults"] = [{
      kind: "coalition",
      members: [0 as never],
      schemes: schemes.filter((name) => name !== "restructuring"),
      seed: i,
    }];
    const { violation, coverage: own } = await run({ ...plan, durationMs: 20_000, faults }, runOptionsOf({}));
    assertEquals(violation, null);
    coverage.add(own);
  }
  const done = coverage.entries().find(([group]) => group === "coalition")![1].map(([name]) => name).join("\n");
  for (
    const name of [
      "split-proposals",
      "late-votes",
      "false-losses",
      "chosen-quorum",
      "silence",
      "deposing",
      "handing-over",
    ]
  ) {
    assert(done.includes(name), `${name} is not in\n${done}`);
  }
});

Deno.test("a restructured message differs in one list or one number", () => {
  const random = new Random(1);
  const fetch = { kind: "fetch", replica: 1 as never, number: 1, digests: ["a", "b", "c"] as never[] } as const;
  const found = new Set<string>();
  for (let i = 0; i < 200; i++) found.add(restructured(fetch, random, 100)!.how);
  // Nine ways to change its list, and its number.
  assertEquals(found.size, 10);
});
