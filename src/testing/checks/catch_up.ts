/**
 * A replica that is behind when a quorum is healed catches up at the speed of the network: within a few round trips,
 * whatever the load.
 * @module
 */
import type { Cluster } from "../world/cluster.ts";
import type { Plan } from "../plan/plan.ts";

/**
 * Round trips that catching up may take: to find out what there is, to ask for it, and to get it; twice each, for a
 * lost message.
 */
const MESSAGES = 12;
/** Time to start, and to notice that a peer is back, ms. */
const START_MS = 1_000;

/** The time after healing within which replicas must have caught up, virtual ms. */
export function catchUpMs({ network, disk }: Plan): number {
  return START_MS + MESSAGES * (network.mostLatencyMs + disk.mostMs / 10);
}

/**
 * Checks at that time that all healed replicas have executed everything that had been executed when they were healed.
 */
export function watchCatchUp(cluster: Cluster, plan: Plan): void {
  const { engine, report, hosts, coverage, checker: { executions } } = cluster.world;
  const { highest } = executions;
  const behind = () =>
    cluster.core.filter((id) => Math.max(...cluster.machinesOf(id).map(({ lastExecuted }) => lastExecuted)) < highest);
  if (behind().length > 0) coverage.count("catch-up", "somebody is behind");
  engine.after(catchUpMs(plan), () => {
    const late = behind();
    if (late.length === 0) return;
    const who = late.map((id) => `${hosts.nameOf(id)} is at ${cluster.machinesOf(id)[0]?.lastExecuted}`);
    report("liveness", `${who.join(", ")}, of ${highest}, ${Math.round(catchUpMs(plan))} ms after the heal`);
  });
}
