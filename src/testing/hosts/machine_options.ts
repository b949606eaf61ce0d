/**
 * The parts of a machine, and of one of its lives.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { ClockHabits } from "../world/clock.ts";
import type { Disk } from "./disk.ts";
import type { KeyPair } from "./hosts.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { Random } from "../random.ts";
import type { Station } from "../world/network.ts";
import type { Released } from "../world/observed_core.ts";
import type { World } from "../world/world.ts";
import type { ComparedLife } from "./reloads.ts";

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
  /** Its member was removed and stops; `present`: the last epoch that it knows. Left out: removed members go on. */
  readonly onDeparted?: (present: Epoch) => void;
  /** The machine is a cold host, with ticks at this interval, ms. */
  readonly wakeMs?: number;
}

/** What a life depends on. */
export interface LifeOptions {
  /** The world of epoch 0. */
  readonly world: World;
  readonly station: Station;
  readonly label: string;
  readonly disk: Disk;
  readonly clock: ClockHabits;
  readonly random: Random;
  readonly isFaulty: boolean;
  readonly key: KeyPair;
  readonly persistInputs: boolean;
  /** What tampers with its messages in an epoch. */
  readonly faultInjectorIn: (world: World, seat: ReplicaId) => FaultInjector | undefined;
  /** The versions of the state machine that its code lacks. */
  readonly lacking: ReadonlySet<string>;
  /** Links that are given to it at its start. */
  readonly chain: readonly Uint8Array[];
  /** Called when all that its core has done is released. */
  readonly onSettled: (life: ComparedLife, released: Released) => void;
  /** It has learned of an epoch. */
  readonly onEpoch: () => void;
  /** It was removed, and nobody needs it any more. Left out: it goes on. */
  readonly onDeparted?: (present: Epoch) => void;
}
