/**
 * Disks that are slow for long: all of them a little, or one very much. Slow disks must mean slow service, and not one
 * view after another.
 * @module
 */
import type { Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan } from "./quiet.ts";

/** Mean duration of a commit on all disks, ms; and on one. */
const AT_ALL_MS = [100, 400, 1_000];
const AT_ONE_MS = [400, 1_000, 5_000];
const MOST_VIEWS = 3;
/** Few requests are in flight at once where each takes seconds. */
const OPERATIONS = 60;

/** Slows the disks down for the whole run, or from some time on. */
export function slowDisks(plan: Plan, random: Random): Plan {
  const atMs = random.chance(0.5) ? 0 : random.between(5_000, 20_000);
  const forMs = 10 * plan.durationMs;
  const isAll = random.chance(0.6);
  const ms = random.pick(isAll ? AT_ALL_MS : AT_ONE_MS);
  const whom = isAll ? idsOf(plan) : [random.pick(idsOf(plan))];
  const quiet = quietPlan(plan, whom.map((replica) => ({ kind: "slow-disk", replica, ms, atMs, forMs })));
  const few = Math.max(1, Math.ceil(OPERATIONS / plan.signedClients.length));
  return {
    ...quiet,
    signedClients: quiet.signedClients.map((habits) => ({ ...habits, operations: Math.min(few, habits.operations) })),
    isCalm: false,
    mostViews: MOST_VIEWS,
  };
}
