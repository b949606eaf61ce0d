/**
 * Old messages of one replica that are replayed at a high rate, to use up what others allow this replica.
 * @module
 */
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan, series } from "./quiet.ts";

/** Kinds of messages for which each sender has a buffer or an allowance. */
const KINDS = ["fetch", "fetch", "status", "status", "view-change", "checkpoint", "decision", "commit"] as const;

/** A replica that has something to fetch, while its messages are replayed. */
export function replays(plan: Plan, random: Random): Plan {
  const ids = idsOf(plan);
  const of = random.pick(ids);
  const away = series(plan, random.int(1, 3), random, (atMs, everyMs): Fault => {
    return { kind: "crash", replica: of, atMs, forMs: random.between(0.1, 0.4) * everyMs };
  });
  const what = random.pick(KINDS);
  const span = { atMs: random.between(0, 10_000), forMs: plan.durationMs };
  const perSecond = random.pick([50, 200, 500]);
  const said = ids.filter((id) => id !== of).map((to): Fault => ({
    kind: "replays",
    what,
    of,
    to,
    perSecond,
    ...span,
  }));
  const { faults } = plan;
  const more = faults.filter(({ kind }) => kind === "partition" || kind === "loss").slice(0, 2);
  return { ...quietPlan(plan, [...away, ...said, ...random.chance(0.5) ? more : []]), isCalm: false };
}
