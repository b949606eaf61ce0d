/**
 * Replicas that are away: some for many batches, or backups again and again for a moment.
 * @module
 */
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan, series } from "./quiet.ts";

/** The restarts of such a run are within this time, ms: so short that most checkpoints are stored while batches are executed. */
const RESTARTS_MS = 12_000;
/** Restarts in such a run. */
const RESTARTS = 40;
/** Mean time that a restart takes, ms. */
const AWAY_MS = 50;

/**
 * f replicas are away for most of the run, and come back at its end. Of the others, often f are stopped for good then: perhaps the primary
 * and its successor.
 */
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

/**
 * Backups restart again and again while clients use many keys. After a start a replica has no part of its state in memory, so it loads
 * chunks by need while checkpoints are stored, in as many slices as there are chunks.
 */
export function restarts(plan: Plan, random: Random): Plan {
  const crashes = series({ ...plan, durationMs: RESTARTS_MS }, RESTARTS, random, (atMs): Fault => {
    const replica = random.int(1, plan.replicas - 1) as ReplicaId;
    return { kind: "crash", replica, atMs, forMs: random.exponential(AWAY_MS) };
  });
  const checkpointInterval = random.pick([4, 6, 8]);
  return {
    ...quietPlan(plan, crashes),
    registers: random.pick([6, 12, 40]),
    signedClients: plan.signedClients.map((habits) => ({
      ...habits,
      operations: 2 * habits.operations,
      bundle: 1,
      thinkMs: habits.thinkMs / 40,
    })),
    checkpointInterval,
    logWindow: 2 * checkpointInterval,
    maxBatchRequests: 1,
    settings: { ...plan.settings, checkpointSliceBytes: 1 },
    isCalm: false,
  };
}
