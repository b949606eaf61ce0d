/**
 * What a machine is made of.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { ClockHabits } from "../world/clock.ts";
import type { Disk } from "./disk.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";

/** What a machine is made of. */
export interface MachineOptions {
  readonly world: World;
  readonly replica: ReplicaId;
  readonly label: string;
  readonly disk: Disk;
  readonly clock: ClockHabits;
  readonly random: Random;
  /** Nobody checks a faulty replica. */
  readonly isFaulty?: boolean;
  readonly faultInjector?: FaultInjector;
  /** It runs only while there is something for it to do, and is woken this often, ms. */
  readonly wakeMs?: number;
}
