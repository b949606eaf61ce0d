/**
 * The parts of a run in which members change.
 * @module
 */
import { Random } from "../random.ts";
import type { Changes } from "../watch/company.ts";
import { Departures } from "./leaving/departures.ts";
import { Epochs } from "./epochs.ts";
import { Interruptions } from "./interruptions.ts";
import { Operator } from "./operator.ts";
import { Thief } from "../thefts/thief.ts";

/** The parts. */
export const CHANGES: Changes = {
  createEpochs: (options) => new Epochs(options),
  createOperator: (cluster, plan) => {
    const epochs = cluster.world.epochs as Epochs;
    epochs.onWorld = (world) => cluster.enter(world);
    cluster.onLinks = (links) => epochs.learn(links);
    const { changes, theft, interruptions, stopsRemoved } = plan.reconfigurations!;
    if (theft) {
      const thief = new Thief(cluster, new Random(theft.seed));
      thief.start();
      epochs.thief = thief;
    }
    if (interruptions) epochs.interruptions = new Interruptions(cluster, new Random(interruptions.seed));
    if (stopsRemoved) {
      const departures = new Departures(cluster, epochs, new Random(plan.seed ^ 0xdea7));
      cluster.onDeparted = (...departed) => departures.departed(...departed);
      departures.start();
    }
    const random = new Random(plan.seed ^ 0xe90c);
    return new Operator({ cluster, changes, random });
  },
};
