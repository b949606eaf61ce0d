/**
 * What a run with callers over HTTP has that other runs do not have. The browser's simulator has none of it.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { ReplicaNode } from "../../node/node.ts";
import type { Archive } from "../../node/ports.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { Coverage } from "../coverage.ts";
import type { Hosts } from "../hosts/hosts.ts";
import type { Random } from "../random.ts";
import type { Report } from "../violation.ts";
import type { ClockHabits } from "../world/clock.ts";
import type { Engine } from "../world/engine.ts";
import type { Network, Station } from "../world/network.ts";

/** A process with a replica that is open. */
export interface HostedReplica {
  readonly station: Station;
  readonly label: string;
  readonly node: ReplicaNode;
  readonly isFaulty: boolean;
  readonly random: Random;
  readonly clock: ClockHabits;
  /** What its disk has, and how often it was replaced. */
  readonly disk: { readonly replaced: number; readonly records: ReadonlyMap<string, unknown> };
  readonly life: {
    /** Resolves when it goes on; `null`: it is not paused. */
    readonly paused: Promise<void> | null;
    /** What tampers with its answers. */
    readonly faultInjector: FaultInjector | undefined;
  };
}

/** The HTTP interfaces of all replicas. */
export interface Web {
  /** How many batches replicas keep for those who watch. */
  readonly keptBatches: number;
  /** A process has opened its replica: it has an HTTP interface from now on. The returned function ends it, at once. */
  opened(hosted: HostedReplica): () => void;
  /** What the HTTP interface of a process holds, by its name. */
  usageOf(station: Station): Readonly<Record<string, number>>;
  /** The archive of a host. */
  archiveOf(station: Station): Archive | undefined;
}

/** What they are made from. */
export interface WebParts {
  readonly engine: Engine;
  readonly network: Network;
  readonly hosts: Hosts;
  readonly coverage: Coverage;
  readonly report: Report;
  /** Of epoch 0. */
  readonly genesis: Genesis;
  readonly urls: Readonly<Record<string, string>>;
}
