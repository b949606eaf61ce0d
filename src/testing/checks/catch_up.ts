/**
 * Whoever is behind when a quorum is healed catches up at the network's speed: within a few round trips, whatever else goes on or does
 * not.
 * @module
 */
import type { Cluster } from "../world/cluster.ts";
import type { Plan } from "../plan/plan.ts";

/** Messages one after another that it may take: to find out what there is, to ask for it, to have it; each of these again for a lost one. */
const MESSAGES = 12;
/** To start, and to notice that somebody is back, ms. */
const START_MS = 1_000;

/** Within this of the heal they have caught up, virtual ms. */
export function catchUpMs({ network, disk }: Plan): number {
  return START_MS + MESSAGES * (network.mostLatencyMs + disk.mostMs / 10);
}

/** Looks, in time, whether all that are healed have executed what had been executed by then. */
export function watchCatchUp(cluster: Cluster, plan: Plan): void {
  const { engine, report, genesis, coverage, checker: { executions } } = cluster.world;
  const { highest } = executions;
  const behind = () =>
    cluster.core.filter((id) => Math.max(...cluster.machinesOf(id).map(({ lastExecuted }) => lastExecuted)) < highest);
  if (behind().length > 0) coverage.count("catch-up", "somebody is behind");
  engine.after(catchUpMs(plan), () => {
    const late = behind();
    if (late.length === 0) return;
    const who = late.map((id) => `${genesis.replicas[id]!.name} is at ${cluster.machinesOf(id)[0]?.lastExecuted}`);
    report("liveness", `${who.join(", ")}, of ${highest}, ${Math.round(catchUpMs(plan))} ms after the heal`);
  });
}
