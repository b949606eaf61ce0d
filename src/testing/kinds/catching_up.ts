/**
 * A replica that was away for many batches comes back while f others are stopped for good, perhaps the primary and its
 * successor.
 * @module
 */
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan } from "./quiet.ts";

/** One replica is away for most of the run. Of the others, often only those needed for a quorum are healed. */
export function catchingUp(plan: Plan, random: Random): Plan {
  const ids = random.shuffled(idsOf(plan));
  const away = ids.slice(0, maxFaulty(plan.replicas)).map((replica): Fault => {
    const atMs = random.between(0.02, 0.5) * plan.durationMs;
    return { kind: "crash", replica, atMs, forMs: plan.durationMs };
  });
  const checkpointInterval = random.pick([4, 16, 64]);
  const quiet = quietPlan(plan, away);
  return {
    ...quiet,
    checkpointInterval,
    logWindow: 4 * checkpointInterval,
    maxBatchRequests: random.pick([1, 1, 64]),
    signedClients: quiet.signedClients.map((own) => ({ ...own, bundle: 2, thinkMs: own.thinkMs / 8 })),
    isCalm: false,
    demands: [...plan.demands ?? [], "quick-catch-up"],
  };
}
