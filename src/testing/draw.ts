/**
 * Draws a plan from a seed. Swarm testing: each seed has its own few kinds of faults, and its own strengths.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import { maxFaulty } from "../core/quorum.ts";
import { type Behaviour, type Fault, type HostileBehaviour, lyingReplicas, type Plan, type Span } from "./plan.ts";
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

const BEHAVIOURS: readonly Behaviour[] = [
  "mute",
  "selective",
  "delaying",
  "replaying",
  "corrupting",
  "equivocating",
  "mutating",
  "inventing",
  "starving",
  "forging",
  "lying-to-clients",
];
const HOSTILE: readonly HostileBehaviour[] = ["two-operations", "far-timestamps", "flooding", "garbage"];
/** Two runs in three have four: what a run costs grows with the square. */
const REPLICAS = [...Array<number>(17).fill(4), 5, 5, 6, 7, 7, 8, 9, 10];
const OPERATIONS = { least: 300, most: 330 };

/** Draws the plan of a seed. */
export function drawPlan(seed: number, { profile = "default", replicas }: DrawOptions = {}): Plan {
  const random = new Random(seed);
  const n = replicas ?? random.pick(profile === "edge" ? [4, 5, 6, 7] : REPLICAS);
  const durationMs = random.int(60_000, 66_000);
  const isCalm = profile === "calm";
  const checkpointInterval = random.pick([4, 4, 8, 16]);
  const meanLatencyMs = random.pick([0.5, 2, 5, 20]);
  const minLatencyMs = random.pick([0.1, 1, 10]);
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
      viewTimeoutMs: isCalm ? 600 : random.pick([400, 600, 1_000]),
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
  const thinkMs = (requests: number) => 0.8 * durationMs / Math.max(1, requests);
  // Without a key it is one operation at a time.
  const unsignedClients = Array.from({ length: random.int(0, 2) }, (): ClientHabits => {
    const operations = random.int(6, 20);
    return { operations, pipelining: 1, bundle: 1, thinkMs: thinkMs(operations), queries: random.pick([0, 0.1, 0.4]) };
  });
  const rest = random.int(OPERATIONS.least, OPERATIONS.most);
  const count = random.int(2, 6);
  const signedClients = Array.from({ length: count }, (_, i): ClientHabits => {
    const operations = Math.floor(rest / count) + (i < rest % count ? 1 : 0);
    const [pipelining, bundle] = [random.int(1, 5), random.pick([1, 12, 16, 16, 24, 32, 32])];
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

interface Scope {
  readonly n: number;
  readonly durationMs: number;
  readonly profile: Profile;
}

function drawFaults(random: Random, scope: Scope): Fault[] {
  const { n, profile } = scope;
  const faults: Fault[] = [];
  const f = maxFaulty(n);
  const ids = Array.from({ length: n }, (_, id) => id as ReplicaId);
  const count = profile === "byzantine" ? f : profile === "default" ? random.int(0, f) : 0;
  const faulty = random.shuffled(ids).slice(0, count);
  for (const replica of faulty) faults.push(drawFaulty(random, replica, scope));
  const correct = ids.filter((id) => !faulty.includes(id));
  const kinds = profile === "crashes" || profile === "edge"
    ? MACHINE_FAULTS
    : profile === "network"
    ? NETWORK_FAULTS
    : [
      ...MACHINE_FAULTS,
      ...NETWORK_FAULTS,
    ];
  const on = random.shuffled(kinds).slice(0, random.int(2, 5));
  for (const draw of on) {
    for (let times = random.int(1, 5); times > 0; times--) faults.push(draw(random, { ...scope, ids, correct }));
  }
  if (new Set(faults.map(({ kind }) => kind)).size < 2) faults.push(kinds.at(-1)!(random, { ...scope, ids, correct }));
  if ((profile === "default" || profile === "byzantine") && random.chance(0.5)) {
    for (const behaviour of random.shuffled(HOSTILE).slice(0, random.int(1, 3))) {
      faults.push({ kind: "hostile-client", behaviour, seed: random.seed() });
    }
  }
  if (profile !== "crashes" && profile !== "edge" && random.chance(0.2)) faults.push(...flapping(random, scope, ids));
  if (profile !== "crashes" && profile !== "edge" && random.chance(0.2)) faults.push(...contest(random, scope, ids));
  if (profile !== "network" && random.chance(0.1)) faults.push(...rollingRestart(random, scope, correct));
  if (profile !== "network" && random.chance(0.15)) faults.push(...powerLoss(random, scope, correct));
  return faults;
}

function drawFaulty(random: Random, replica: ReplicaId, scope: Scope): Fault {
  const kind = random.next();
  if (kind < 0.2) return { kind: "twins", replica, seed: random.seed() };
  if (kind < 0.3) return { kind: "lost-disk", replica, ...spanWithin(random, scope) };
  const behaviours = random.shuffled(BEHAVIOURS).slice(0, random.int(1, 3));
  return { kind: "byzantine", replica, behaviours, seed: random.seed() };
}

type Draw = (
  random: Random,
  scope: Scope & { readonly ids: readonly ReplicaId[]; readonly correct: readonly ReplicaId[] },
) => Fault;

const MACHINE_FAULTS: readonly Draw[] = [
  (random, scope) => ({ kind: "crash", replica: random.pick(scope.correct), ...spanWithin(random, scope) }),
  (random, scope) => ({ kind: "crash", replica: random.pick(scope.correct), ...spanWithin(random, scope, 1_000) }),
  (random, scope) => ({ kind: "isolates", replica: random.pick(scope.correct), ...spanWithin(random, scope) }),
  (random, scope) => ({
    kind: "clock-jump",
    replica: random.pick(scope.correct),
    atMs: random.between(0, scope.durationMs),
    ms: random.pick([-60_000, -3_000, 3_000, 60_000]),
  }),
  (random, scope) => ({
    kind: "coarse-alarms",
    replica: random.pick(scope.correct),
    ms: random.pick([200, 1_000, 60_000]),
    ...spanWithin(random, scope),
  }),
  (random, scope) => ({
    kind: "disk-failures",
    replica: random.pick(scope.correct),
    part: random.pick([0.05, 0.5]),
    ...spanWithin(random, scope),
  }),
  (random, scope) => ({
    kind: "slow-disk",
    replica: random.pick(scope.correct),
    ms: random.pick([20, 200]),
    ...spanWithin(random, scope),
  }),
];

const NETWORK_FAULTS: readonly Draw[] = [
  (random, scope) => ({
    kind: "partition",
    side: random.shuffled(scope.ids).slice(0, random.int(1, Math.floor(scope.n / 2))),
    isOneWay: false,
    ...spanWithin(random, scope),
  }),
  (random, scope) => ({
    kind: "partition",
    side: random.shuffled(scope.ids).slice(0, random.int(1, Math.floor(scope.n / 2))),
    isOneWay: true,
    ...spanWithin(random, scope),
  }),
  (random, scope) => ({
    kind: "partition",
    side: [random.pick(scope.ids)],
    isOneWay: false,
    ...spanWithin(random, scope),
  }),
  (random, scope) => ({ kind: "loss", part: random.pick([0.02, 0.1, 0.3]), ...spanWithin(random, scope) }),
  (random, scope) => ({ kind: "duplication", part: random.pick([0.05, 0.3]), ...spanWithin(random, scope) }),
  (random, scope) => ({ kind: "reordering", part: random.pick([0.05, 0.3]), ...spanWithin(random, scope) }),
  (random, scope) => ({ kind: "late-posts", part: random.pick([0.02, 0.2]), ...spanWithin(random, scope) }),
  (random, scope) => ({ kind: "cut-posts", part: random.pick([0.05, 0.3]), ...spanWithin(random, scope) }),
  (random, scope) => ({ kind: "slow-answers", part: random.pick([0.05, 0.3]), ...spanWithin(random, scope) }),
  (random, scope) => ({ kind: "slow-network", ms: random.pick([50, 200, 800]), ...spanWithin(random, scope) }),
];

function spanWithin(random: Random, { durationMs }: Scope, meanMs: number = durationMs / 6): Span {
  return {
    atMs: random.between(0, 0.9 * durationMs),
    forMs: Math.min(durationMs / 2, 50 + random.exponential(meanMs)),
  };
}

/** Every replica is rebooted, one after another. */
function rollingRestart(random: Random, { durationMs }: Scope, correct: readonly ReplicaId[]): Fault[] {
  const everyMs = random.between(500, 3_000);
  const from = random.between(0, durationMs / 2);
  return correct.map((replica, i) => ({
    kind: "crash",
    replica,
    atMs: from + i * everyMs,
    forMs: random.between(100, everyMs),
  }));
}

/** Partitions about as long as a view's timeout, one after another: view after view begins with half of the last one's work done. */
function flapping(random: Random, { n, durationMs }: Scope, ids: readonly ReplicaId[]): Fault[] {
  const count = random.int(10, 30);
  const from = random.between(0, durationMs / 2);
  const everyMs = random.between(500, 1_500);
  return Array.from({ length: count }, (_, i) => ({
    kind: "partition",
    side: random.shuffled(ids).slice(0, random.int(1, n - 1)),
    isOneWay: random.chance(0.5),
    atMs: from + i * everyMs,
    forMs: random.between(0.2, 1.2) * everyMs,
  }));
}

/**
 * Certificates of several views for one number: what prepares at one replica alone is unknown to the others in the next views; there
 * something else prepares, and is not committed; then that one comes back, and views change with the certificates of both.
 */
function contest(random: Random, { durationMs }: Scope, ids: readonly ReplicaId[]): Fault[] {
  const faults: Fault[] = [];
  const lone = random.pick(ids);
  const others = ids.filter((id) => id !== lone);
  const phaseMs = random.between(1_500, 5_000);
  for (let atMs = random.between(0, 10_000); atMs + 3 * phaseMs < durationMs; atMs += 4 * phaseMs) {
    const votes = { kind: "lost-kinds", kinds: ["prepare", "decision"], to: others, atMs, forMs: phaseMs } as const;
    const alone = { kind: "partition", side: [lone], isOneWay: false } as const;
    faults.push(votes, { ...alone, atMs: atMs + random.between(0.05, 0.3) * phaseMs, forMs: 1.5 * phaseMs });
    faults.push({ ...votes, kinds: ["commit", "decision"], to: ids, atMs: atMs + phaseMs, forMs: 2 * phaseMs });
  }
  return faults;
}

/** Every replica goes down at once. */
function powerLoss(random: Random, { durationMs }: Scope, correct: readonly ReplicaId[]): Fault[] {
  const atMs = random.between(0, 0.9 * durationMs);
  return correct.map((replica) => ({ kind: "crash", replica, atMs, forMs: random.between(100, 3_000) }));
}
