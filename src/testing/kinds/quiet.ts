/**
 * Helpers of the kinds of trouble: a plan without faults.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";

/** A network on which nothing takes long. */
const MOST_LATENCY_MS = 50;

/** The plan with these faults and no others, on a network without faults. */
export function quietPlan(plan: Plan, faults: readonly Fault[]): Plan {
  return {
    ...plan,
    network: { ...plan.network, mostLatencyMs: MOST_LATENCY_MS },
    disk: { ...plan.disk, failures: 0 },
    skewsMs: plan.skewsMs.map(() => 0),
    coldReplicas: [],
    faults,
  };
}

/** All replicas of a plan. */
export function idsOf({ replicas }: Plan): readonly ReplicaId[] {
  return Array.from({ length: replicas }, (_, id) => id as ReplicaId);
}

/** Repeats something so many times, one after another, each within its own part of the run. */
export function series<T>(plan: Plan, count: number, random: Random, make: (atMs: number, everyMs: number) => T): T[] {
  const everyMs = plan.durationMs / (count + 1);
  return Array.from({ length: count }, (_, i) => make((i + random.between(0.2, 0.8)) * everyMs, everyMs));
}
