/**
 * Draws a plan from a seed. Swarm testing: each seed has its own few kinds of faults, and its own strengths.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import { drawFaults } from "./draw_faults.ts";
import { lyingReplicas, type Plan } from "./plan.ts";
import { Random } from "./random.ts";
import type { ClientHabits } from "./signed_client.ts";

/** Which faults a run may have. */
export type Profile =
  | "default" // anything
  | "calm" // nothing at all
  | "crashes" // machines and disks
  | "network"
  | "edge" // machines and disks, and hosts that start some of the replicas for each request
  | "byzantine"; // all f replicas lie

/** The names of the profiles. */
export const PROFILES: readonly Profile[] = ["default", "calm", "crashes", "network", "edge", "byzantine"];

/** What may be chosen. */
export interface DrawOptions {
  /** Which faults may be drawn; any if left out. */
  readonly profile?: Profile;
  /** How many replicas; by default 4 to 10. */
  readonly replicas?: number;
}

/** In a calm run nothing takes longer than this: neither a message on its way nor a commit, ms. */
export const CALM_DELAY_MS = 50;

/** Three runs in four have four, and one in eight has more than six: what a run costs grows with the square. */
const REPLICAS = [...Array<number>(37).fill(4), 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 9, 10];
const OPERATIONS = { least: 300, most: 330 };

/** Draws the plan of a seed. */
export function drawPlan(seed: number, { profile = "default", replicas }: DrawOptions = {}): Plan {
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
      loss: 0,
      duplication: 0,
      reordering: 0,
      lateness: 0,
      cutting: 0,
      dawdling: 0,
    },
    disk: { commitMs: random.pick([0.1, 1, 5]), readMs: 0.5, mostMs: isCalm ? CALM_DELAY_MS : 500, failures: 0 },
    skewsMs: Array.from({ length: n }, () => isCalm || random.chance(0.5) ? 0 : random.int(-1_500, 1_500)),
    checkpointInterval,
    logWindow: checkpointInterval * random.pick([2, 2, 4]),
    maxBatchRequests: random.pick([1, 4, 64]),
    settings: {
      pipelineDepth: random.int(1, 6),
      viewTimeoutMs,
      // As by default: primaries say at least so often that they live.
      statusIntervalMs: 0.375 * viewTimeoutMs,
      ...(!isCalm && random.chance(0.4) && { maxPendingRequests: random.pick([24, 64]), maxPendingPerClient: 16 }),
    },
    keepsInputs: random.chance(0.25),
    faults: isCalm ? [] : drawFaults(random, { n, durationMs, profile }),
    coldReplicas: [],
    wakeMs: 0,
    isCalm,
  };
  return profile === "edge" ? withColdHosts(plan, random) : plan;
}

/** Some replicas live on hosts that start them for each request: a few, as each start costs the simulator much. */
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

/** Many operations, in few requests: what the simulator has to do grows with the batches, and with the square of the replicas. */
function drawClients(random: Random, durationMs: number): Pick<Plan, "signedClients" | "unsignedClients"> {
  const thinkMs = (requests: number) => 0.6 * durationMs / Math.max(1, requests);
  // Without a key it is one operation at a time.
  const unsignedClients = Array.from({ length: random.int(0, 2) }, (): ClientHabits => {
    const operations = random.int(6, 20);
    return { operations, pipelining: 1, bundle: 1, thinkMs: thinkMs(operations), queries: random.pick([0, 0.1, 0.4]) };
  });
  const rest = random.int(OPERATIONS.least, OPERATIONS.most);
  const count = random.int(2, 6);
  const signedClients = Array.from({ length: count }, (_, i): ClientHabits => {
    const operations = Math.floor(rest / count) + (i < rest % count ? 1 : 0);
    const [pipelining, bundle] = [random.int(1, 5), random.pick([1, 12, 12, 16, 16, 24, 24, 32, 32, 32])];
    const requests = operations / ((1 + bundle) / 2);
    return {
      operations,
      pipelining,
      bundle,
      thinkMs: pipelining * thinkMs(requests),
      queries: random.pick([0, 0.1, 0.4]),
    };
  });
  return { signedClients, unsignedClients };
}
