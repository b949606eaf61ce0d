/**
 * Time: runs of an hour and more, so that sessions, names and refusals expire; and clocks that are all wrong by
 * different amounts, that are corrected, or that stand still.
 * @module
 */
import type { Fault, Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan, series } from "./quiet.ts";

const HOUR_MS = 3_600_000;
/** Operations in an hour: enough that some client always comes back after a long pause. */
const OPERATIONS = 25;
/** The largest error of a clock. */
const MOST_WRONG_MS = [2_000, 60_000, 3_600_000, 7_200_000];

/** An hour or more with few requests and few faults. */
export function longTime(plan: Plan, random: Random): Plan {
  const durationMs = random.between(0.5, 1.5) * HOUR_MS;
  const slower = durationMs / plan.durationMs;
  const stretched = plan.faults.flatMap((fault): Fault[] => {
    if (fault.kind === "hostile-client" || fault.kind === "coarse-alarms" || fault.kind === "isolates") return [];
    return ["atMs" in fault ? { ...fault, atMs: slower * fault.atMs } : fault];
  });
  const habits = plan.signedClients.slice(0, 2).map((own) => ({
    ...own,
    operations: OPERATIONS,
    bundle: 4,
    pipelining: 1,
    thinkMs: durationMs / OPERATIONS * random.pick([0.3, 1, 3]),
  }));
  const guest = { operations: 10, bundle: 1, pipelining: 1, thinkMs: durationMs / 12 };
  return {
    ...plan,
    durationMs,
    signedClients: habits,
    unsignedClients: [guest],
    limits: { ...plan.limits, nameIdleMs: random.pick([60_000, 600_000]), sessionIdleMs: random.pick([5_000, 60_000]) },
    settings: { ...plan.settings, idleStatusMs: 10_000 },
    faults: stretched.slice(0, 12),
    coldReplicas: [],
    isCalm: plan.isCalm,
  };
}

/** All clocks are wrong, each by its own amount. Some jump, some are corrected, one stands still. */
export function wrongClocks(plan: Plan, random: Random): Plan {
  const most = random.pick(MOST_WRONG_MS);
  const all = random.chance(0.3) ? random.between(-most, most) : null;
  const skewsMs = idsOf(plan).map(() => Math.round(all ?? random.between(-most, most)));
  const faults = series(plan, random.int(0, 3), random, (atMs, everyMs): Fault[] => {
    const replica = random.pick(idsOf(plan));
    const jump = (id: number, ms: number): Fault => ({ kind: "clock-jump", replica: id as typeof replica, atMs, ms });
    return random.pick<() => Fault[]>([
      () => idsOf(plan).map((id) => jump(id, -skewsMs[id]!)), // corrected
      () => [jump(replica, random.between(-most, most))],
      () => [{ kind: "frozen-clock", replica, atMs, forMs: random.between(0.5, 3) * everyMs }],
    ])();
  }).flat();
  return {
    ...quietPlan(plan, faults),
    skewsMs,
    isCalm: false,
    keepsClocks: true,
    demands: [...plan.demands ?? [], "no-early-expiry", "progress-of-time"],
  };
}
