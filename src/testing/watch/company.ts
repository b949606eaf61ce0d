/**
 * What a run may have besides its plan and its options.
 * @module
 */
import type { checkDurability, checkStores } from "../checks/ending.ts";
import type { inspect } from "../checks/inspection.ts";
import type { checkRoom } from "../checks/room.ts";
import type { findNonLinearizable } from "../invariants/linearizability.ts";
import type { StepChecks } from "../invariants/steps/checks.ts";
import type { findDivergence } from "../divergence.ts";
import type { exerciseStores } from "../hosts/store_exercise.ts";
import type { Inspector, InspectorOptions } from "../machine/inspector.ts";
import type { Epochs, EpochsOptions } from "../epochs/epochs.ts";
import type { Operator } from "../epochs/operator.ts";
import type { Plan } from "../plan/plan.ts";
import type { Cluster } from "../world/cluster.ts";
import type { Drill, ReloadCheck } from "../world/world.ts";
import type { Direction } from "./action.ts";
import type { Watcher } from "./shown.ts";
import type { HttpParts } from "../http/parts.ts";

/** What a run may have besides its plan and its options. None of it changes what happens, but the actions. */
export interface Company {
  /** Is told what happens. */
  readonly watcher?: Watcher;
  readonly direction?: Direction;
  readonly thorough?: Thorough;
  /** What a plan needs in which members change. */
  readonly changes?: Changes;
  /** What a plan with callers over HTTP needs. Left out: these callers are simulated clients. */
  readonly http?: HttpParts;
}

/** Makes the epochs of a run, and the one who changes the members. */
export interface Changes {
  readonly createEpochs: (options: EpochsOptions) => Epochs;
  readonly createOperator: (cluster: Cluster, plan: Plan) => Operator;
}

/** The checks besides agreement, order, answers and progress. A run without them is the same run, and finds less. */
export interface Thorough {
  /** Holds a drill on a copy of a replica. */
  readonly drill: Drill | null;
  readonly steps: StepChecks;
  readonly checkReload: ReloadCheck;
  readonly inspect: typeof inspect;
  readonly checkRoom: typeof checkRoom;
  readonly checkStores: typeof checkStores;
  readonly checkDurability: typeof checkDurability;
  readonly findNonLinearizable: typeof findNonLinearizable;
  readonly createInspector: (options: InspectorOptions) => Pick<Inspector, "executed">;
  readonly findDivergence: typeof findDivergence;
  readonly exerciseStores: typeof exerciseStores;
}
