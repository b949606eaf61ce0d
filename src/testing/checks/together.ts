/**
 * No replica stays alone. A correct replica in a higher view than the others does not vote with them, so that the
 * cluster tolerates one fault less. Once faults have ended, that must end too.
 * @module
 */
import type { Cluster } from "../world/cluster.ts";
import type { Machine } from "../hosts/machine.ts";
import { faultyAmong } from "../invariants/paper.ts";

/** The longest time that a replica may be alone after the last fault has ended, virtual ms. */
const MOST_MS = 30_000;

/** The replicas that are alone, and since when. */
export class Together {
  readonly #cluster: Cluster;
  readonly #since = new Map<Machine, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The replicas that are alone in a higher view now, by name. */
  get alone(): readonly string[] {
    return this.#alone.map(({ label }) => label);
  }

  get #alone(): readonly Machine[] {
    const { machines, isHealed, core, world: { genesis } } = this.#cluster;
    const correct = machines.filter(({ node, isFaulty, replica }) => {
      return node !== null && !isFaulty && (!isHealed || core.includes(replica));
    });
    const views = correct.map((machine) => ({ machine, status: machine.node!.status().replica }));
    const f = faultyAmong(genesis.replicas.length);
    return views.filter(({ machine, status: { view } }) => {
      // With f + 1 of them in it the others would follow.
      const others = views.filter((other) => other.machine.replica !== machine.replica);
      return others.length > f && others.filter((other) => other.status.view >= view).length < f;
    }).map(({ machine }) => machine);
  }

  /** Checks all replicas, and reports those that have been alone for too long. */
  inspect(): void {
    const { world: { engine, report }, quietSince } = this.#cluster;
    const alone = this.#alone;
    for (const machine of [...this.#since.keys()]) if (!alone.includes(machine)) this.#since.delete(machine);
    for (const machine of alone) {
      const since = this.#since.get(machine) ?? engine.now;
      this.#since.set(machine, since);
      const from = Math.max(since, quietSince);
      if (engine.now - from < MOST_MS) continue;
      const { view } = machine.node!.status().replica;
      const seconds = Math.round((engine.now - from) / 1_000);
      report("liveness", `${machine.label} has been alone in view ${view} for ${seconds} s without a fault`);
    }
  }
}
