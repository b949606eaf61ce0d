/**
 * The parts of a machine.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { ClockHabits } from "../world/clock.ts";
import type { Disk } from "./disk.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";

/** The parts of a machine. */
export interface MachineOptions {
  readonly world: World;
  readonly replica: ReplicaId;
  readonly label: string;
  readonly disk: Disk;
  readonly clock: ClockHabits;
  readonly random: Random;
  /** Faulty replicas are not checked. */
  readonly isFaulty?: boolean;
  readonly faultInjector?: FaultInjector;
  /** The machine is a cold host, with ticks at this interval, ms. */
  readonly wakeMs?: number;
}
