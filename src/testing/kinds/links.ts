/**
 * Links of one replica that swallow messages, pass one direction only, or are slow to refuse. Trouble of its own must
 * not make a replica leave the view of the others.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan, series } from "./quiet.ts";

/** Faults of one replica's links, again and again. */
export function links(plan: Plan, random: Random): Plan {
  const ids = idsOf(plan);
  const whose = random.pick(ids);
  const others = ids.filter((id) => id !== whose);
  const faults = series(plan, random.int(2, 8), random, (atMs, everyMs): Fault[] => {
    const forMs = Math.min(0.8 * everyMs, random.pick([100, 400, 1_500, 5_000]) * random.between(0.5, 1.5));
    return drawLink(random, { whose, others, span: { atMs, forMs } });
  }).flat();
  return { ...quietPlan(plan, faults), isCalm: false, demands: [...plan.demands ?? [], "together"] };
}

interface Link {
  readonly whose: ReplicaId;
  readonly others: readonly ReplicaId[];
  readonly span: { readonly atMs: number; readonly forMs: number };
}

function drawLink(random: Random, { whose, others, span }: Link): Fault[] {
  const some = random.chance(0.5) ? others : random.shuffled(others).slice(0, random.int(1, others.length));
  return random.pick<() => Fault[]>([
    () => [{ kind: "swallowing-links", from: [whose], to: some, ...span }],
    () => [{ kind: "swallowing-links", from: some, to: [whose], ...span }],
    () => [
      { kind: "swallowing-links", from: [whose], to: some, ...span },
      { kind: "swallowing-links", from: some, to: [whose], ...span },
    ],
    () => [{ kind: "partition", side: [whose], isOneWay: random.chance(0.7), ...span }],
    () => [
      { kind: "slow-refusals", ms: random.pick([500, 3_000, 30_000]), ...span },
      { kind: "crash", replica: whose, ...span },
    ],
    () => [{ kind: "crash", replica: whose, atMs: span.atMs, forMs: random.between(1, 300) }],
  ])();
}
