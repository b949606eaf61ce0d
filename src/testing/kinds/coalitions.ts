/**
 * Coalitions: f Byzantine replicas with a common plan.
 * @module
 */
import { SCHEME_NAMES } from "../coalitions/schemes.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { series } from "./quiet.ts";

/** The part of the runs in which there is no other fault. */
const ALONE = 0.6;

/** Replaces the faulty replicas by a coalition of the largest size. */
export function coalitions(plan: Plan, random: Random): Plan {
  const n = plan.replicas;
  const f = maxFaulty(n);
  const ids = Array.from({ length: n }, (_, id) => id as ReplicaId);
  // Members among the first primaries can do most.
  const members = random.chance(0.6) ? ids.slice(0, f) : random.shuffled(ids).slice(0, f);
  const schemes = random.shuffled(SCHEME_NAMES).slice(0, random.int(2, 6));
  const others = random.chance(ALONE) ? [] : plan.faults.filter((fault) => {
    if (fault.kind === "byzantine" || fault.kind === "twins") return false;
    if (fault.kind === "lost-disk" || fault.kind === "old-disk") return false;
    return !("replica" in fault) || !members.includes(fault.replica);
  });
  // A replica believes most while it does not know yet what it has said, and nobody else can tell it.
  const starts = !schemes.includes("returned-statuses") ? [] : series(plan, 4, random, (atMs, everyMs): Fault[] => {
    const [one, other] = random.shuffled(ids.filter((id) => !members.includes(id)));
    return [
      { kind: "crash", replica: one!, atMs, forMs: random.between(0.02, 0.2) * everyMs },
      { kind: "crash", replica: other!, atMs, forMs: random.between(0.3, 0.7) * everyMs },
    ];
  }).flat();
  return {
    ...plan,
    faults: [{ kind: "coalition", members, schemes, seed: random.seed() }, ...starts, ...others],
    coldReplicas: plan.coldReplicas.filter((id) => !members.includes(id)),
    isCalm: false,
  };
}
