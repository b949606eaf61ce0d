/**
 * What a run needs besides its plan, and its report.
 * @module
 */
import type { ReplicaId } from "../core/messages/ids.ts";
import type { StateMachine } from "../core/state_machine.ts";
import type { Coverage } from "./coverage.ts";
import type { Stores } from "./hosts/disk.ts";
import type { MachineFault } from "./machine/fault.ts";
import type { Plan } from "./plan/plan.ts";
import type { Violation } from "./violation.ts";
import type { SimulatedVersions } from "./versions/versions.ts";
import type { Workload } from "./plan/workload.ts";
import type { CoreMaker } from "./world/world_base.ts";

/** What a run needs besides its plan. */
export interface RunOptions {
  /** Makes a replica's state machine; a new one each time. */
  readonly stateMachine: (replica: ReplicaId) => StateMachine;
  /** Its later versions. Left out: there are none, and no change is to another version. @internal */
  readonly versions?: SimulatedVersions;
  /** The operations of the clients. Left out: those of the key-value store, on as many registers as the plan says. */
  readonly workload?: Workload;
  /**
   * The cores of correct replicas; by default `Replica`.
   * @internal
   */
  readonly createCore?: CoreMaker;
  /** Inspects the state machine, which is a user's: mistakes that are none in it. */
  readonly inspect?: { readonly create: () => StateMachine; readonly allow: readonly MachineFault[] };
  /** Makes the real stores beneath the disks; called once for each run. By default the disks are in memory only. */
  readonly createStores?: () => Stores;
  /** Whether to record a trace. */
  readonly trace?: boolean;
  /** Whether drills are held on copies of replicas; true by default. @internal */
  readonly drills?: boolean;
}

/** The report of a run. */
export interface RunReport {
  /** The plan. */
  readonly plan: Plan;
  /** The first invariant that did not hold; `null`: all held. */
  readonly violation: Violation | null;
  /** The faults, messages and events that occurred. */
  readonly coverage: Coverage;
  /** The trace, line by line, if one was asked for. */
  readonly trace: readonly string[];
  /** Operations that were answered. */
  readonly operations: number;
  /** Batches executed. */
  readonly batches: number;
  /** Events simulated. */
  readonly events: number;
  /** Virtual time, ms. */
  readonly virtualMs: number;
}
