/**
 * The fault injectors of a run's Byzantine hosts, for each epoch of which they are members.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { ByzantineReplica } from "./byzantine_replica.ts";
import type { FaultInjector } from "./fault_injector.ts";
import type { Fault } from "../plan/plan.ts";
import { Random } from "../random.ts";
import { seatOf, type World } from "../world/world.ts";
import { Coalition } from "../coalitions/coalition.ts";

/** Makes the fault injectors of one run. */
export class FaultInjectors {
  readonly #faults: readonly Fault[];
  readonly #coalitions = new Map<Fault, Coalition[]>();

  constructor(faults: readonly Fault[]) {
    this.#faults = faults;
  }

  /** What tampers with the messages of a host in an epoch. */
  of(host: ReplicaId, world: World): FaultInjector | undefined {
    const replica = seatOf(world, host)!;
    for (const fault of this.#faults) {
      if (fault.kind === "coalition" && fault.members.includes(host)) {
        return this.#coalitionOf(fault, world).faultInjectorOf(replica);
      }
      if (fault.kind !== "byzantine" || fault.replica !== host) continue;
      return new ByzantineReplica({
        world,
        replica,
        behaviours: fault.behaviours,
        random: new Random(fault.seed + world.epoch.number),
      });
    }
    return undefined;
  }

  /** One coalition for all its members in an epoch. */
  #coalitionOf(fault: Extract<Fault, { kind: "coalition" }>, world: World): Coalition {
    const { number } = world.epoch;
    const known = this.#coalitions.get(fault) ?? [];
    this.#coalitions.set(fault, known);
    let coalition = known[number];
    if (!coalition) {
      const { schemes, seed } = fault;
      const members = fault.members.flatMap((host) => seatOf(world, host) ?? []);
      coalition = new Coalition({ world, members, schemes, random: new Random(seed + number) });
      coalition.start();
      known[number] = coalition;
    }
    return coalition;
  }
}
