/**
 * What a run is made of beside its plan, and what it comes to.
 * @module
 */
import type { ReplicaId } from "../core/messages/ids.ts";
import type { StateMachine } from "../core/state_machine.ts";
import type { Coverage } from "./coverage.ts";
import type { Stores } from "./hosts/disk.ts";
import type { Plan } from "./plan/plan.ts";
import type { Violation } from "./violation.ts";
import type { Workload } from "./plan/workload.ts";
import type { CoreMaker } from "./world/world_base.ts";

/** What a run is made of, beside its plan. */
export interface RunOptions {
  /** Makes a replica's service; another one each time. */
  readonly stateMachine: (replica: ReplicaId) => StateMachine;
  /** What clients ask. */
  readonly workload: Workload;
  /**
   * The cores of correct replicas; by default `Replica`.
   * @internal
   */
  readonly createCore?: CoreMaker;
  /** Makes the real stores that the disks are kept in; once for each run. By default they are in the simulator's memory only. */
  readonly createStores?: () => Stores;
  /** Whether to write down everything that happens. */
  readonly trace?: boolean;
  /** Whether copies of replicas are drilled; they are unless this is false. @internal */
  readonly drills?: boolean;
}

/** What a run showed. */
export interface RunReport {
  /** What was run. */
  readonly plan: Plan;
  /** The first invariant that did not hold; `null`: all did. */
  readonly violation: Violation | null;
  /** What it exercised. */
  readonly coverage: Coverage;
  /** What happened, line by line, if asked for. */
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
