/**
 * What a run shows to somebody who watches it: the messages and events of each replica, what befalls it, and words.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { ReplicaNode } from "../../node/node.ts";
import type { Seen } from "../../node/watching/seen.ts";

/** How a machine is, in a word. */
export type MachineState = "running" | "stopped" | "paused" | "cut" | "lying";

/** How a replica is when it starts, or when a stream of it begins. */
export interface Snapshot {
  readonly kind: "snapshot";
  /** How many times its machine has started. */
  readonly life: number;
  readonly view: number;
  readonly primary: number;
  readonly active: boolean;
  readonly executed: number;
  readonly low: number;
  readonly high: number;
  readonly slots: readonly { readonly sequence: number; readonly stage: string }[];
  readonly halted: string | null;
  /** It has lost its disk and does not vote yet. */
  readonly recovering: boolean;
}

/** One thing that happened. */
export type Shown =
  | Seen
  | ReplicaEvent
  | HostEvent
  | Snapshot
  | { readonly kind: "state"; readonly state: MachineState }
  /** A fault begins or ends, or an invariant is broken, in words. */
  | { readonly kind: "note"; readonly text: string; readonly isAlarm: boolean };

/** Is told of everything, with the replica (-1: the whole cluster) and virtual ms since the start. */
export type Watcher = (replica: number, atMs: number, shown: Shown) => void;

/** The state of a replica that has just started. */
export function snapshotOf(node: ReplicaNode, life: number): Snapshot {
  const { replica, halted } = node.status();
  const { view, primary, active, lastExecuted, lowWatermark, highWatermark, slots, recovering } = replica;
  return {
    kind: "snapshot",
    life,
    view,
    primary,
    active,
    executed: lastExecuted,
    low: lowWatermark,
    high: highWatermark,
    slots,
    halted: halted ?? null,
    recovering,
  };
}
