/**
 * Now and then a replica in memory is compared with one that is read from its store.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { StateMachines } from "../../core/epochs/versions.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Core } from "../../node/durable/task.ts";
import type { Random } from "../random.ts";
import type { Released } from "../world/observed_core.ts";
import type { World } from "../world/world.ts";
import type { Disk, SimulatedStore } from "./disk.ts";

/** The machine that is compared. */
export interface Compared {
  readonly label: string;
  readonly disk: Disk;
  readonly persistInputs: boolean;
  readonly buffers: Buffers | undefined;
}

/** Its present process. */
export interface ComparedLife {
  readonly world: World;
  readonly seat: ReplicaId | null;
  readonly core: Core | null;
  readonly store: SimulatedStore;
  readonly versions: StateMachines | null;
}

/** The comparisons of one machine. */
export class Reloads {
  readonly #random: Random;
  #nextAt = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * The last step has been released. `steppedAt`: its time, by the machine's clock. A reload handles deadlines since then at once.
   */
  settled(machine: Compared, life: ComparedLife, { now: steppedAt, stored }: Released): void {
    const { label, disk, persistInputs, buffers } = machine;
    const { world, seat, core, store } = life;
    const { now } = world.engine;
    const isStored = !persistInputs || store.commitsMade >= stored;
    if (!isStored || !core || seat === null || !store.isSettled || now < this.#nextAt) return;
    this.#nextAt = now + this.#random.exponential(world.reloadMs);
    const forked = this.#random.fork();
    if (!world.checkReload) return;
    const [status, timers, formerBodies] = [core.status(), core.timers?.(), buffers?.formerBodies];
    const { versions } = life;
    const moment = { world, replica: seat, label, disk, persistInputs, versions, status, timers, formerBodies };
    void world.checkReload({ ...moment, random: forked, now: steppedAt }).catch((error) => {
      world.report("reload", `${label} can't be read from its store: ${error}`);
    });
  }
}
