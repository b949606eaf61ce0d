/** Runs with callers over HTTP: the client library, programs that post to gateways, and the replicas' routes. */
import { assert, assertEquals } from "@std/assert";
import { Coverage, drawPlan, run, runOptionsOf, simulate } from "../../src/testing/mod.ts";

/** Seeds that together have all of it. */
const SEEDS = [2, 4, 8];

Deno.test("the client library and programs that post get right answers over HTTP, amid faults, and each seed gives one run", async () => {
  const all = new Coverage();
  for (const seed of SEEDS) {
    const plan = drawPlan(seed, { kinds: ["http"] });
    const reports = [];
    for (let i = 0; i < 2; i++) reports.push(await run(plan, { ...runOptionsOf({}), trace: true }));
    const [first, second] = reports;
    assertEquals(first!.violation, null, `seed ${seed}`);
    assertEquals(second!.trace, first!.trace, `seed ${seed}`);
    all.add(first!.coverage);
  }
  for (
    const [group, name] of [
      ...["/requests 200", "/queries 200", "/req 200"].map((name) => ["http", name]),
      ...["operation", "query"].map((name) => ["http call", name]),
      ...["lost /requests", "late /requests", "doubled /requests", "cut /requests"].map((
        name,
      ) => ["http trouble", name]),
      ...["change", "batch", "missed", "from where it was"].map((name) => ["http watch", name]),
      ["http archive", "put"],
      ["http archive", "refused"],
    ]
  ) assert(all.of(group!, name!) > 0, `${group} ${name}: never`);
});

Deno.test("one default run in 25 is over HTTP", () => {
  let count = 0;
  for (let seed = 0; seed < 1_000; seed++) if (drawPlan(seed).http) count++;
  assert(count > 25 && count < 60, `${count} of 1,000`);
});

Deno.test("a machine and a workload of one's own run over HTTP, too", async () => {
  const { keyValueWorkload } = await import("../../src/testing/mod.ts");
  const { KeyValue } = await import("../../src/machines/mod.ts");
  const own = { stateMachine: () => new KeyValue(), workload: keyValueWorkload() };
  assertEquals((await simulate({ seed: 2, kinds: ["http"], ...own })).violation, null);
});
