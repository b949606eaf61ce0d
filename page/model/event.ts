/** What a feed tells the page: events of replicas, each at a time. */
import { maxFaulty, quorum } from "../../src/core/messages/quorum.ts";
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import type { Seen } from "../../src/node/watching/seen.ts";

/** How a replica's process is. */
export type ProcessState = "running" | "stopped" | "paused" | "cut" | "lying";

/** How a replica is when its stream begins. */
export interface Snapshot {
  readonly kind: "snapshot";
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
export type PageEvent =
  | Seen
  | ReplicaEvent
  | HostEvent
  | Snapshot
  | { readonly kind: "state"; readonly state: ProcessState }
  | { readonly kind: "unreachable"; readonly reason: string }
  /** The server dropped this many events. */
  | { readonly kind: "gap"; readonly events: number }
  /** A word of the simulator: a fault begins or ends, an invariant is broken. */
  | { readonly kind: "note"; readonly text: string; readonly isAlarm: boolean };

/** An event of one replica; `replica` is -1 for the cluster. */
export interface Entry {
  /** Its place in the history; never used again. */
  readonly n: number;
  readonly replica: number;
  /** When, ms, on one clock for all replicas. */
  readonly at: number;
  readonly event: PageEvent;
}

/** The members, and how many may fail. */
export interface ClusterFacts {
  readonly name: string;
  readonly members: readonly string[];
  readonly faulty: number;
  readonly quorum: number;
}

/** The facts of these members. */
export function factsOf(name: string, members: readonly string[]): ClusterFacts {
  return { name, members, faulty: maxFaulty(members.length), quorum: quorum(members.length) };
}
