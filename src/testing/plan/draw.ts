/**
 * Draws a plan from a seed. Swarm testing: each seed has a few kinds of faults of its own, at strengths of its own.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { drawFaults } from "./draw_faults.ts";
import { type Brought, type Kind, kindsOf, replicasFor, withKinds } from "../kinds/mod.ts";
import { NO_NETWORK_FAULTS } from "../world/network.ts";
import { lyingReplicas, type Plan } from "./plan.ts";
import type { Profile } from "./profile.ts";
import { Random } from "../random.ts";
import type { ClientHabits } from "../clients/habits.ts";

/** The choices that a draw leaves to its caller. */
export interface DrawOptions {
  /** Kinds of trouble that the run has for certain, whatever else it draws. By default the seed decides. */
  readonly kinds?: readonly Kind[];
  /** Which faults may be drawn; any if left out. */
  readonly profile?: Profile;
  /** How many replicas; by default 4 to 10. */
  readonly replicas?: number;
}

/** In a calm run no message and no commit takes longer than this, ms. */
export const CALM_DELAY_MS = 50;

/** How many of two hundred runs have this many replicas. The cost of a run grows with the square. */
const REPLICAS = ([[4, 184], [5, 6], [6, 4], [7, 3], [8, 1], [9, 1], [10, 1]] as const)
  .flatMap(([replicas, runs]) => Array<number>(runs).fill(replicas));
const OPERATIONS = { least: 300, most: 310 };
/** Most operations per request. */
const BUNDLES = [12, 16, 24, 32, 32];
/** Operations of a client with a key that puts only one in each request. Mostly few, as each costs a request. */
const SINGLE_OPERATIONS = [10, 20, 30, 80];

/** Draws the plan of a seed, with the kinds that not everybody has. */
export function drawWith(brought: Brought, seed: number, options: DrawOptions = {}): Plan {
  const { profile = "default" } = options;
  const kinds = options.kinds ?? (profile === "default" ? kindsOf(seed) : []);
  const replicas = options.replicas ?? replicasFor(kinds, seed);
  const random = new Random(seed);
  const n = replicas ?? random.pick(profile === "edge" ? [4, 5, 6, 7] : REPLICAS);
  const durationMs = random.int(60_000, 61_000);
  const isCalm = profile === "calm";
  const checkpointInterval = random.pick([4, 4, 8, 16]);
  const meanLatencyMs = random.pick([0.5, 2, 5, 20]);
  const minLatencyMs = random.pick([0.1, 1, 10]);
  const viewTimeoutMs = isCalm ? 600 : random.pick([400, 600, 1_000]);
  const plan: Plan = {
    seed,
    replicas: n,
    durationMs,
    ...drawClients(random, durationMs),
    network: {
      minLatencyMs,
      meanLatencyMs,
      mostLatencyMs: isCalm ? CALM_DELAY_MS : 100 * (minLatencyMs + meanLatencyMs),
      ...NO_NETWORK_FAULTS,
    },
    disk: { commitMs: random.pick([0.1, 1, 5]), readMs: 0.5, mostMs: isCalm ? CALM_DELAY_MS : 500, failures: 0 },
    skewsMs: Array.from({ length: n }, () => isCalm || random.chance(0.5) ? 0 : random.int(-1_500, 1_500)),
    checkpointInterval,
    logWindow: checkpointInterval * random.pick([2, 2, 4]),
    maxBatchRequests: random.pick([1, 4, 64]),
    settings: {
      pipelineDepth: random.int(1, 6),
      viewTimeoutMs,
      // As by default: primaries give a sign of life at least this often.
      statusIntervalMs: 0.375 * viewTimeoutMs,
      checkpointSliceBytes: SLICES[seed % SLICES.length]!,
      ...(!isCalm && random.chance(0.4) && { maxPendingRequests: random.pick([24, 64]), maxPendingPerClient: 16 }),
    },
    persistInputs: random.chance(0.2),
    faults: isCalm ? [] : drawFaults(random, { n, durationMs, profile }),
    coldReplicas: [],
    wakeMs: 0,
    isCalm,
  };
  return withKinds(profile === "edge" ? withColdHosts(plan, random) : plan, kinds, brought);
}

/** Some replicas live on hosts that start them for each request. They are few, as each start costs the simulator much. */
function withColdHosts(plan: Plan, random: Random): Plan {
  const lying = lyingReplicas(plan);
  const correct = Array.from({ length: plan.replicas }, (_, id) => id as ReplicaId).filter((id) => !lying.includes(id));
  return {
    ...plan,
    coldReplicas: random.shuffled(correct).slice(0, random.int(1, 2)),
    wakeMs: random.pick([1_000, 5_000, 20_000]),
    settings: { ...plan.settings, viewTimeoutMs: 2_000, slowPrimaryMs: 6_000 },
  };
}

/** Bytes of a slice of a checkpoint: a chunk or two at a time, some, or all. */
const SLICES = [1, 600, 256 * 1024];

/** Many operations in few requests: the cost of a run grows with its batches, and with the square of its replicas. */
function drawClients(random: Random, durationMs: number): Pick<Plan, "signedClients" | "unsignedClients"> {
  const habits = (operations: number, bundle: number, pipelining: number): ClientHabits => {
    const requests = Math.max(1, operations / ((1 + bundle) / 2));
    const thinkMs = pipelining * 0.6 * durationMs / requests;
    return { operations, bundle, pipelining, thinkMs, queries: random.pick([0, 0.1, 0.4]) };
  };
  // A client without a key has one operation in flight.
  const unsignedClients = Array.from({ length: random.int(0, 2) }, () => habits(random.int(5, 12), 1, 1));
  const shared = random.int(OPERATIONS.least, OPERATIONS.most);
  const count = random.int(2, 6);
  const signedClients = Array.from({ length: count }, (_, i) => {
    const operations = Math.floor(shared / count) + (i < shared % count ? 1 : 0);
    return habits(operations, random.pick(BUNDLES), random.int(1, 5));
  });
  if (random.chance(0.3)) signedClients.push(habits(random.pick(SINGLE_OPERATIONS), 1, random.int(1, 5)));
  return { signedClients, unsignedClients };
}
