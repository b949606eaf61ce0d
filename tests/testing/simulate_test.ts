import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { Replica } from "../../src/core/replica.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { KeyValue, snapshotMachine } from "../../src/machines/mod.ts";
import {
  type CoreMaker,
  Coverage,
  drawPlan,
  missingFrom,
  type Plan,
  type Random,
  run,
  runOptionsOf,
  shrink,
  simulate,
} from "../../src/testing/mod.ts";
import { kindsOf } from "../../src/testing/kinds/mod.ts";

Deno.test("the same seed gives the same trace, byte for byte", async () => {
  const [first, second] = [await simulate({ seed: 5, trace: true }), await simulate({ seed: 5, trace: true })];
  assert(first.trace.length > 100);
  assertEquals(second.trace.join("\n") === first.trace.join("\n"), true);
  assertEquals(second.events, first.events);
  assertNotEquals((await simulate({ seed: 6, trace: true })).trace.join("\n"), first.trace.join("\n"));
});

Deno.test("two simulations at once do not affect each other", async () => {
  const alone = await simulate({ seed: 8, trace: true });
  const [together] = await Promise.all([simulate({ seed: 8, trace: true }), simulate({ seed: 9 })]);
  assertEquals(together.trace.join("\n") === alone.trace.join("\n"), true);
});

Deno.test("a default plan has four to ten replicas, at least 300 operations and 60 virtual seconds, and several faults", () => {
  for (let seed = 0; seed < 300; seed++) {
    const { replicas, durationMs, signedClients, unsignedClients, faults, http } = drawPlan(seed);
    if (http) continue; // real signatures and routes cost more, so these are shorter
    const operations = [...signedClients, ...unsignedClients].reduce((sum, own) => sum + own.operations, 0);
    assert(replicas >= 4 && replicas <= 10 && durationMs >= 60_000 && operations >= 300, `seed ${seed}`);
    // A kind of trouble may be all that there is.
    if (kindsOf(seed).length > 0) continue;
    assert(new Set(faults.map(({ kind }) => kind)).size >= 2, `seed ${seed} has several kinds of faults`);
  }
});

Deno.test("a thousand default plans have every kind of fault, every lie of replicas and every kind of hostile client", () => {
  const coverage = new Coverage();
  for (let seed = 0; seed < 1_000; seed++) {
    for (const fault of drawPlan(seed).faults) {
      coverage.count("fault", fault.kind);
      if (fault.kind === "byzantine") {
        for (const behaviour of fault.behaviours) coverage.count("byzantine", behaviour);
      }
      if (fault.kind === "hostile-client") coverage.count("hostile client", fault.behaviour);
    }
  }
  const groups = ["fault", "byzantine", "hostile client"];
  assertEquals(missingFrom(coverage).filter((what) => groups.includes(what.split(": ")[0]!)), []);
  // What is not drawn is missed.
  assert(missingFrom(coverage).includes("suspicion: overtaken"));
});

Deno.test("a replica on a cold host is started for each request, and takes part in the protocol", async () => {
  const plan = drawPlan(3, { profile: "edge", replicas: 4 });
  const cold: Plan = {
    ...plan,
    durationMs: 6_000,
    coldReplicas: [1 as Plan["coldReplicas"][number]],
    wakeMs: 1_000,
    faults: [],
    signedClients: plan.signedClients.map((habits) => ({ ...habits, operations: 4, thinkMs: 400 })),
    unsignedClients: [],
  };
  const report = await run(cold, runOptionsOf({}));
  assertEquals(report.violation, null);
  assert(report.coverage.of("host", "cold start") > 20, report.coverage.toString());
});

Deno.test("a state machine whose chunks depend on its history is caught, and the operation is named", async () => {
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
  function createSet(): StateMachine {
    let names = new Set<string>();
    return snapshotMachine({
      version: "set/1",
      execute: (bytes) => encode(names.add(decode(bytes)).size),
      query: () => encode(names.size),
      snapshot: () => encode([...names]),
      restore: (bytes) => void (names = new Set(decode(bytes).sort())),
    });
  }
  const workload = { operation: (random: Random, id: number) => encode(`${random.int(0, 99)} ${id}`) };
  const options = { stateMachine: createSet, workload, profile: "crashes", replicas: 4 } as const;
  const { violation } = await simulate({ ...options, seed: 1, runs: 5 });
  assertEquals(violation?.invariant, "integrity");
  assertMatch(
    violation!.detail,
    /before "\d+ \d+" of \w+ in batch \d+ chunk \S+ is .*, restored from .*; restore\(\) leaves another state than it was given/,
  );
});

Deno.test("a state machine without a workload is refused", async () => {
  await assertRejects(() => simulate({ stateMachine: () => new KeyValue() }), TypeError, "workload");
});

Deno.test("the key-value store is lazily loaded: its chunks are split, merged, and read again after crashes", async () => {
  let [loads, most] = [0, 0];
  const createCore: CoreMaker = (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    let blobs = 0; // of the checkpoint that is being taken, in slices
    return {
      step(input, now) {
        const ready = replica.step(input, now);
        loads += ready.loads.length;
        for (const record of ready.records) {
          if (record.kind === "blobs") blobs += record.blobs.size;
          if (record.kind === "checkpoint") [most, blobs] = [Math.max(most, blobs), 0];
        }
        return ready;
      },
      status: () => replica.status(),
      timers: () => replica.timers(),
    };
  };
  const { violation } = await simulate({ profile: "crashes", seed: 3, runs: 2, createCore });
  assertEquals(violation, null);
  assert(loads > 20 && most > 5, `${loads} loads, at most ${most} blobs in a checkpoint`);
});

Deno.test("a failing plan is reduced, and breaks the same invariant", async () => {
  const createCore: CoreMaker = (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    return {
      step(input, now) {
        if (environment.self === 1 && replica.status().view > 0) throw new Error("planted");
        return replica.step(input, now);
      },
      status: () => replica.status(),
    };
  };
  const options = runOptionsOf({ createCore });
  let seed = 0;
  let report = await run(drawPlan(seed, { replicas: 4 }), options);
  while (!report.violation || report.plan.faults.length < 3) {
    report = await run(drawPlan(++seed, { replicas: 4 }), options);
  }
  const small = await shrink(report, { ...options, maxRuns: 12 });
  assertEquals(small.violation?.invariant, report.violation.invariant);
  assert(small.plan.faults.length < report.plan.faults.length);
  assert(small.trace.length > 0);
  const stopped = await shrink(report, { ...options, goesOn: () => false });
  assertEquals([stopped.plan, stopped.violation], [report.plan, report.violation]);
});

/** The default profile has few here: each change runs fresh seeds of it besides, by the hundred. */
const BATCHES = [
  { profile: "default", seed: 8_020, runs: 4 },
  { profile: "byzantine", seed: 7_001, runs: 5 },
  { profile: "crashes", seed: 10_000, runs: 5 },
  { profile: "network", seed: 10_000, runs: 5 },
  { profile: "calm", seed: 10_000, runs: 5 },
] as const;

for (const batch of BATCHES) {
  Deno.test(`${batch.runs} seeds of the ${batch.profile} profile find no violation`, async () => {
    const report = await simulate(batch);
    assertEquals(report.violation, null, `seed ${report.plan.seed}`);
  });
}
