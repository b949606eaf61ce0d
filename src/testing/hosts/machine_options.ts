/**
 * The parts of a machine.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { ClockHabits } from "../world/clock.ts";
import type { Disk } from "./disk.ts";
import type { KeyPair } from "./hosts.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";

/** The parts of a machine. */
export interface MachineOptions {
  /** The world of epoch 0. */
  readonly world: World;
  /** The number of its host. */
  readonly replica: ReplicaId;
  readonly label: string;
  /** The key that its process begins with. */
  readonly key: KeyPair;
  readonly disk: Disk;
  readonly clock: ClockHabits;
  readonly random: Random;
  /** Faulty replicas are not checked. */
  readonly isFaulty?: boolean;
  /** What tampers with its messages in epoch 0, and later. */
  readonly faultInjector?: FaultInjector;
  readonly faultInjectorIn?: (world: World, seat: ReplicaId) => FaultInjector | undefined;
  /** The links that its operator gives it when its store is empty. */
  readonly chain?: () => readonly Uint8Array[];
  /** The versions of the state machine that the code lacks with which its process begins. */
  readonly lacking?: () => Iterable<string>;
  /** Called with all its links whenever it has learned of an epoch. */
  readonly onLinks?: (links: readonly Uint8Array[]) => void;
  /** The machine is a cold host, with ticks at this interval, ms. */
  readonly wakeMs?: number;
}
