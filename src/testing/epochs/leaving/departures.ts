/**
 * Members that were removed stop, once enough members of the next epoch have the state, and say where the cluster went. Their operators start
 * some of them again; and those who are to be members again, until they are.
 * @module
 */
import { weakQuorum } from "../../../core/messages/quorum.ts";
import { RecordReader } from "../../../node/storage/record_reader.ts";
import type { Epoch } from "../../../wire/epochs/mod.ts";
import type { Machine } from "../../hosts/machine.ts";
import type { Random } from "../../random.ts";
import type { Cluster } from "../../world/cluster.ts";
import type { World } from "../../world/world.ts";
import type { Epochs } from "../epochs.ts";

/** How often an operator starts a removed member again, and when, ms. */
const [AGAIN, AGAIN_MS] = [0.5, 4_000];
/** How often operators look whether a host that has stopped is a member again, ms. */
const LOOK_MS = 1_000;

/** The departures of one run. */
export class Departures {
  readonly #cluster: Cluster;
  readonly #epochs: Epochs;
  readonly #random: Random;

  constructor(cluster: Cluster, epochs: Epochs, random: Random) {
    this.#cluster = cluster;
    this.#epochs = epochs;
    this.#random = random;
  }

  /** Begins to look. */
  start(): void {
    const { machines, members, world: { engine } } = this.#cluster;
    engine.after(LOOK_MS, () => {
      for (const machine of machines) {
        if (machine.hasDeparted && members.includes(machine.replica)) machine.start();
      }
      this.start();
    });
  }

  /** A correct host stops. `present`: the last epoch that it knows. */
  departed(machine: Machine, present: Epoch): void {
    const { world: { engine, coverage, report, trace } } = this.#cluster;
    coverage.count("epochs", "a removed member stops");
    trace.line(machine.label, () => `was removed, and stops in epoch ${present.number}`);
    const flaw = this.#flaw(machine, present);
    if (flaw !== null) report("epochs", `${machine.label} stops, and ${flaw}`);
    if (!this.#random.chance(AGAIN)) return;
    engine.after(this.#random.exponential(AGAIN_MS), () => {
      if (!machine.hasDeparted) return;
      coverage.count("epochs", "a removed member is started again");
      machine.start();
    });
  }

  #flaw(machine: Machine, present: Epoch): string | null {
    const { all } = this.#epochs;
    const known = all[present.number];
    if (known?.epoch.context !== present.context) return `says that there is another epoch ${present.number}`;
    if (JSON.stringify(known.epoch.urls) !== JSON.stringify(present.urls)) return "says that the members are elsewhere";
    // It may be a member again in an epoch of which it does not know yet.
    const left = leftBy(machine, all.slice(0, present.number + 1));
    if (left === null) return "was never removed";
    // Of a quorum f may lie.
    const [having, needed] = [this.#having(left), weakQuorum(left.genesis.replicas.length)];
    return having >= needed
      ? null
      : `only ${having} correct members have the state at which epoch ${left.epoch.number} starts, of ${needed}`;
  }

  /** How many correct members of an epoch have its state. Whoever has a new key since then, and an empty disk, had it. */
  #having({ genesis, epoch: { start }, hosts }: World): number {
    return genesis.replicas.filter(({ publicKey }) => {
      const machines = this.#cluster.machinesOf(hosts.hostOf(publicKey)).filter(({ isFaulty }) => !isFaulty);
      return machines.some(({ key, disk: { records } }) =>
        key.publicKey !== publicKey ||
        (new RecordReader(records, genesis).checkpoint()?.sequence ?? 0) >= start!.sequence
      );
    }).length;
  }
}

/** The epoch from which on a machine's key is no member's; `null`: it is a member's, or never was one. */
export function leftBy({ key: { publicKey } }: Machine, all: readonly World[]): World | null {
  const isMember = ({ genesis: { replicas } }: World) => replicas.some((member) => member.publicKey === publicKey);
  const last = all.findLastIndex(isMember);
  return last < 0 ? null : all[last + 1] ?? null;
}
