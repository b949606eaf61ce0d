/**
 * All correct hosts, those that have left the cluster too, end in the last epoch.
 * @module
 */
import { leftBy } from "./departures.ts";
import type { Cluster } from "../../world/cluster.ts";

/** The healed hosts that are in another epoch than the last one, or were removed and go on, for people. */
export function strayed({ machines, core, stopsRemoved, world: { epochs } }: Cluster): readonly string[] {
  const { last: { epoch: { number } }, all } = epochs!;
  return machines.filter(({ isUp, isFaulty, replica }) => isUp && !isFaulty && core.includes(replica)).flatMap(
    (own) => {
      const { label, world: { epoch }, persistInputs } = own;
      if (epoch.number !== number) return [`${label} is in epoch ${epoch.number}, and not in ${number}`];
      // A host that may sleep is not stopped by its replica.
      return stopsRemoved && !persistInputs && leftBy(own, all) ? [`${label} was removed, and goes on`] : [];
    },
  );
}
