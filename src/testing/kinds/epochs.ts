/**
 * Changes of the members, their keys and their rules, amid all other faults of the plan.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { type Fault, faultyReplicas, type Plan } from "../plan/plan.ts";
import {
  drawReconfigurations,
  enrich,
  LEAST_MEMBERS,
  type Reconfiguration,
  withLateHosts,
} from "../plan/reconfigurations.ts";
import type { Random } from "../random.ts";
import { idsOf } from "./quiet.ts";

/** The part of these runs in which the keys of closed epochs are stolen. */
const THEFT = 0.5;
/** The part in which removed members stop. */
const STOPS = 0.6;
/** The part of those in which the last change needs all that the removed members have, for long. */
const LATE = 0.3;
/** The part in which stores are slow to read: another instance may go on while one reads. */
const [SLOW_READS, READ_MS] = [0.3, 20];
/** The part in which a member hears nothing of the last batches of an epoch, and must fetch the closing state, ms before and after the change. */
const [STRAGGLES, STRAGGLES_MS] = [0.4, 1_500];
/** The part in which, if nobody else is faulty, a liar returns to the members what they have said. */
const RETURNS = 0.5;
/** The parts in which processes crash at the end of epochs, a member has a second instance then, and one loses its disk. */
const [INTERRUPTIONS, ISOLATES, LOST_DISK] = [0.4, 0.25, 0.4];

/** Adds changes, and faults of those who join. Hosts that sleep know of no epochs in a simulation. */
export function epochs(plan: Plan, random: Random): Plan {
  if (plan.replicas < LEAST_MEMBERS) return plan;
  const isLiar = random.chance(0.3);
  // One who joins later, if anybody does, may lie, too.
  const liar = plan.replicas as ReplicaId;
  const lies: Fault[] = isLiar
    ? [{
      kind: "byzantine",
      replica: liar,
      behaviours: [random.pick(["mutating", "lying-to-clients", "inventing", "equivocating"])],
      seed: random.seed(),
    }]
    : [];
  const faulty = [...faultyReplicas(plan), ...isLiar ? [liar] : []];
  const drawn = drawReconfigurations(random, { ...plan, faulty });
  // Drawn after all else, so that a seed draws what it drew before there was this.
  const theft = random.chance(THEFT) ? { theft: { seed: random.seed() } } : {};
  const changes = drawn.changes.map((change, i) => enrich(random, change, i));
  const interruptions = random.chance(INTERRUPTIONS) ? { interruptions: { seed: random.seed() } } : {};
  const faultsAtEnd = faultsAtEnds(plan, random, { faulty, changes });
  const stopsRemoved = random.chance(STOPS);
  const faults = [...plan.faults, ...lies, ...faultsAtEnd];
  const disk = random.chance(SLOW_READS) ? { ...plan.disk, readMs: READ_MS } : plan.disk;
  const stragglers = random.chance(STRAGGLES) ? stragglersAtEnds(plan, random, changes) : [];
  const isReturning = random.chance(RETURNS) && faultyReplicas({ faults }).length === 0;
  const returning: Fault[] = isReturning
    ? [{ kind: "byzantine", replica: random.pick(idsOf(plan)), behaviours: ["replaying"], seed: random.seed() }]
    : [];
  const isLate = stopsRemoved && random.chance(LATE);
  const all = isLate ? withLateHosts(random, { ...drawn, changes }, { ...plan, faulty }) : changes;
  const reconfigurations = { ...drawn, ...theft, ...interruptions, stopsRemoved, changes: all };
  return {
    ...plan,
    disk,
    faults: [...faults, ...stragglers, ...returning],
    coldReplicas: [],
    isCalm: false,
    reconfigurations,
  };
}

/** Faults that matter most while an epoch ends. */
function faultsAtEnds(
  plan: Plan,
  random: Random,
  { faulty, changes }: { readonly faulty: readonly ReplicaId[]; readonly changes: readonly Reconfiguration[] },
): readonly Fault[] {
  const ids = idsOf(plan);
  const correct = ids.filter((id) => !faulty.includes(id));
  const atMs = random.pick(changes).atMs * random.between(0.97, 1.01);
  const isolates: Fault[] = random.chance(ISOLATES)
    ? [{ kind: "isolates", replica: random.pick(correct), atMs, forMs: random.between(1_000, 6_000) }]
    : [];
  // Whoever loses its disk counts among the f of each epoch.
  const lost: Fault[] = faulty.length === 0 && random.chance(LOST_DISK)
    ? [{
      kind: "lost-disk",
      replica: random.pick(ids),
      atMs: random.between(0.1, 0.95) * plan.durationMs,
      forMs: random.between(20, 2_000),
    }]
    : [];
  return [...isolates, ...lost];
}

/** One member hears no batches while the cluster goes on to the next epoch. */
function stragglersAtEnds(plan: Plan, random: Random, changes: readonly Reconfiguration[]): readonly Fault[] {
  return changes.map(({ atMs }): Fault => ({
    kind: "lost-kinds",
    kinds: ["pre-prepare", "prepare", "commit", "decision"],
    to: [random.pick(idsOf(plan))],
    atMs: atMs - STRAGGLES_MS * random.next(),
    forMs: 2 * STRAGGLES_MS,
  }));
}
