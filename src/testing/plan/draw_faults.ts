/**
 * Draws the faults of a plan.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { Behaviour, Fault, HostileBehaviour, Span } from "./plan.ts";
import type { Profile } from "./profile.ts";
import type { Random } from "../random.ts";

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
/** The run that faults are drawn for. */
interface Scope {
  readonly n: number;
  readonly durationMs: number;
  readonly profile: Profile;
}

/** Draws the faults of a run: each run has a few kinds of its own. */
export function drawFaults(random: Random, scope: Scope): Fault[] {
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
  if ((profile === "default" || profile === "byzantine") && random.chance(0.4)) {
    for (const behaviour of random.shuffled(HOSTILE).slice(0, random.int(1, 2))) {
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
  // Two instances that overwrite each other's store reload it again and again. A short span shows all there is to see.
  (random, scope) => ({ kind: "isolates", replica: random.pick(scope.correct), ...spanWithin(random, scope, 4_000) }),
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

/** Every replica is restarted, one after another. */
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

/**
 * Partitions about as long as a view timeout, one after another, so that view after view begins with half of the work
 * of the last one.
 */
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
 * Certificates of several views for one number. A batch prepares at one replica only and is unknown to the others in
 * the next views. There another batch prepares, and is not committed. Then the first replica is back, and views change
 * with the certificates of both.
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
