/**
 * Changes of the members, their keys and their rules, amid all other faults of the plan.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { type Fault, faultyReplicas, type Plan } from "../plan/plan.ts";
import { drawReconfigurations, enrich } from "../plan/reconfigurations.ts";
import type { Random } from "../random.ts";

/** No configuration has fewer members. */
const LEAST_MEMBERS = 4;
/** The part of these runs in which the keys of closed epochs are stolen. */
const THEFT = 0.5;

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
  const reconfigurations = { ...drawn, ...theft, changes };
  return { ...plan, faults: [...plan.faults, ...lies], coldReplicas: [], isCalm: false, reconfigurations };
}
