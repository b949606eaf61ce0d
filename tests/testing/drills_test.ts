/** Drills find what a calm run never shows. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Millis, ReplicaId } from "../../src/core/messages/ids.ts";
import type { Input, Ready } from "../../src/core/io.ts";
import type { MessageKind } from "../../src/core/messages/messages.ts";
import { Replica } from "../../src/core/replica.ts";
import { createEnvironment } from "../../src/node/environment.ts";
import { restore } from "../../src/node/storage/opening.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { EPOCH_MS } from "../../src/testing/world/clock.ts";
import { createWorld } from "../../src/testing/world/create_world.ts";
import { Peers } from "../../src/testing/drills/peers.ts";
import { Copy } from "../../src/testing/drills/copy.ts";
import { awaitsItsTime } from "../../src/testing/drills/agreement.ts";
import { makesRoom } from "../../src/testing/drills/execution.ts";
import { DRILLS } from "../../src/testing/drills/mod.ts";
import { DrillContext } from "../../src/testing/drills/context.ts";
import { type CoreMaker, Coverage, drawPlan, type Invariant, run, runOptionsOf } from "../../src/testing/mod.ts";
import { Random } from "../../src/testing/random.ts";

/** Nothing goes wrong. */
const CALM = Array.from({ length: 16 }, (_, i) => i + 1).map((seed) => ({
  ...drawPlan(seed, { profile: "calm", replicas: 4 }),
  durationMs: 40_000,
  checkpointInterval: 4,
  logWindow: 8,
}));

function withCore(change: (ready: Ready, input: Input) => Ready): CoreMaker {
  return (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    return {
      step: (input: Input, now: Millis) => change(replica.step(input, now), input),
      status: () => replica.status(),
      timers: () => replica.timers(),
      isLoading: (digest) => replica.isLoading(digest),
    };
  };
}

/** Never says anything of this kind. */
function without(kind: MessageKind): CoreMaker {
  return withCore((ready) => ({
    ...ready,
    messages: ready.messages.filter(({ message }) => message.message.kind !== kind),
  }));
}

async function violationWith(createCore: CoreMaker, drills: boolean, plans = CALM) {
  for (const calm of plans) {
    const { violation } = await run(calm, { ...runOptionsOf({}), createCore, drills });
    if (violation) return violation;
  }
  return null;
}

/** Short runs that together hold every drill; if the draws change, further ones hold the rest. */
const DRILLED = [16, 30, 45, 40, 59, 11, ...Array.from({ length: 28 }, (_, i) => i + 1)];

Deno.test("a few runs hold every drill and find no violation", async () => {
  const coverage = new Coverage();
  const missing = () => Object.keys(DRILLS).filter((name) => coverage.of("drill", name) === 0);
  for (let i = 0; missing().length > 0; i++) {
    const seed = DRILLED[i];
    assert(seed !== undefined, missing().join());
    const report = await run(drawPlan(seed, { replicas: 4 }), runOptionsOf({}));
    assertEquals(report.violation, null);
    coverage.add(report.coverage);
  }
});

const SILENCES: readonly (readonly [MessageKind, Invariant])[] = [
  ["view-change", "liveness"],
  ["new-view", "liveness"],
  ["decision", "liveness"],
  ["stable-checkpoint", "liveness"],
  ["fetch", "liveness"],
];

for (const [kind, invariant] of SILENCES) {
  Deno.test(`replicas that never send a ${kind} pass calm runs; a drill catches them`, async () => {
    assertEquals(await violationWith(without(kind), false, CALM.slice(0, 4)), null);
    const violation = await violationWith(without(kind), true);
    assertEquals(violation?.invariant, invariant);
    assertStringIncludes(violation!.detail, "in a drill");
  });
}

/** A context with a new replica, at the time that simulations begin. */
async function newScene() {
  const flaws: string[] = [];
  const self = 1 as ReplicaId;
  const random = new Random(1);
  const world = createWorld(CALM[0]!, runOptionsOf({}), { random, onViolation: ({ detail }) => flaws.push(detail) });
  const { genesis, cluster, settings, crypto } = world;
  const { storedState } = await restore(
    new MemoryStore(),
    { genesis, cluster, self, hash: crypto.hash },
    { persistInputs: false, start: "new" },
  );
  const environment = createEnvironment({
    self,
    genesis,
    settings,
    stateMachine: world.stateMachine(self),
    signer: crypto.createSigner(world.keyOf(self), cluster),
    hash: crypto.hash,
  });
  const { report } = world;
  const copyOf = () =>
    new Copy({
      world,
      replica: self,
      storedState,
      kept: [],
      core: new Replica(environment, storedState),
      now: EPOCH_MS,
      report,
    });
  const context = new DrillContext({
    world,
    random,
    copy: copyOf(),
    peers: new Peers(world),
    storedState,
    report,
    copyOf,
  });
  return { context, flaws };
}

Deno.test("makes room: the idle time of sessions is right on a replica whose clock was set back", async () => {
  const { context, flaws } = await newScene();
  const { copy, peers } = context;
  copy.now += 60_000;
  context.order(context.batch(Array.from({ length: 70 }, () => peers.request())));
  copy.now -= 60_000;
  makesRoom(context);
  assertEquals(flaws, []);
});

Deno.test("awaits its time: what it executed before may have used up the credit of the agreed time", async () => {
  const { context, flaws } = await newScene();
  const { copy, peers, world: { genesis: { limits: { maxClockSkewMs } } } } = context;
  context.order(peers.batch(copy.now + maxClockSkewMs - 200, [peers.request()]));
  awaitsItsTime(context);
  assertEquals(flaws, []);
});
