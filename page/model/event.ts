/** What a feed tells the page: events of replicas, each at a time. */
import { maxFaulty, quorum } from "../../src/core/messages/quorum.ts";
import type { MachineState, Shown } from "../../src/testing/watch/shown.ts";

/** How a replica's process is. */
export type ProcessState = MachineState;

/** One thing that happened: what a simulated run shows as well, and what befalls a stream of a running replica. */
export type PageEvent =
  | Shown
  | { readonly kind: "unreachable"; readonly reason: string }
  /** The server dropped this many events. */
  | { readonly kind: "gap"; readonly events: number };

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
