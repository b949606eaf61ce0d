/**
 * Crashes at the worst moments: when a replica has just accepted a configuration, closed its epoch, or entered the next
 * one. What it had said, and was still doing, it must find out from its store and from the others. And second instances
 * that start at these moments: the store of each may go on to the next epoch while it is being read.
 * @module
 */
import type { Random } from "../random.ts";
import type { Cluster } from "../world/cluster.ts";

/** The part of such moments at which a process crashes. */
const PART = 0.25;
/** How long after the moment, and for how long, ms. */
const [LATEST_MS, SHORTEST_MS, LONGEST_MS] = [30, 20, 600];
/** The part at which a second instance starts, how long after the moment, and how long it stays, ms. */
const [SECOND, SECOND_MS, STAYS_MS] = [0.25, 100, 3_000];

/** The crashes of one run. */
export class Interruptions {
  readonly #cluster: Cluster;
  readonly #random: Random;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Such a moment of a process. */
  at(label: string): void {
    const { world: { engine, coverage } } = this.#cluster;
    const random = this.#random;
    if (random.chance(SECOND)) return this.#doubled(label);
    if (!random.chance(PART)) return;
    const [afterMs, forMs] = [random.between(0, LATEST_MS), random.between(SHORTEST_MS, LONGEST_MS)];
    engine.after(afterMs, () => {
      const machine = this.#cluster.machines.find((machine) => machine.label === label);
      if (this.#cluster.isHealed || !machine?.crash()) return;
      coverage.count("epochs", "crash at the end of an epoch");
      this.#cluster.disturb(1);
      engine.after(forMs, () => {
        if (this.#cluster.isHealed) return;
        this.#cluster.disturb(-1);
        if (this.#cluster.machines.includes(machine)) machine.start();
      });
    });
  }

  /** A platform starts another instance of this process on its store. */
  #doubled(label: string): void {
    const { world: { engine, coverage } } = this.#cluster;
    engine.after(this.#random.between(0, SECOND_MS), () => {
      const machine = this.#cluster.machines.find((machine) => machine.label === label);
      if (this.#cluster.isHealed || !machine?.isUp || this.#cluster.machinesOf(machine.replica).length > 1) return;
      coverage.count("epochs", "second instance at the end of an epoch");
      const second = this.#cluster.addIsolate(machine.replica);
      this.#cluster.disturb(1);
      engine.after(STAYS_MS, () => {
        if (this.#cluster.isHealed) return;
        this.#cluster.disturb(-1);
        this.#cluster.remove(second);
      });
    });
  }
}
