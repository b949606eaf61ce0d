/**
 * All correct hosts, those that have left the cluster too, end in the last epoch.
 * @module
 */
import type { Cluster } from "../world/cluster.ts";

/** The healed hosts that are in another epoch than the last one, for people. */
export function strayed({ machines, core, world: { epochs } }: Cluster): readonly string[] {
  const { number } = epochs!.last.epoch;
  return machines.filter((machine) =>
    machine.isUp && !machine.isFaulty && core.includes(machine.replica) && machine.world.epoch.number !== number
  ).map(({ label, world: { epoch } }) => `${label} is in epoch ${epoch.number}, and not in ${number}`);
}
