/**
 * The entry point of the simulator: runs a state machine of your own, or the key-value store, under every kind of
 * fault.
 * @module
 */
import type { StateMachine } from "../core/state_machine.ts";
import { KeyValue } from "../machines/mod.ts";
import type { MachineFault } from "./machine/fault.ts";
import { callSeeded, guardMachine } from "./machine/guard.ts";
import type { DrawOptions } from "./plan/draw.ts";
import { drawPlan } from "./plan/draw_plan.ts";
import type { Stores } from "./hosts/disk.ts";
import { run } from "./run.ts";
import type { RunOptions, RunReport } from "./run_options.ts";
import { checkedWorkload, checkMaker } from "./plan/given.ts";
import { CHUNK_SIZE, type Workload } from "./plan/workload.ts";
import { keyValueVersions } from "./versions/versions.ts";
import type { CoreMaker } from "./world/world_base.ts";

const createKeyValue = () => new KeyValue({ chunkSize: CHUNK_SIZE });

/** The options of a simulation. */
export interface SimulateOptions extends DrawOptions {
  /** Makes the state machine in its initial state; by default the key-value store. Called for each replica and each of its restarts. */
  readonly stateMachine?: () => StateMachine;
  /**
   * Mistakes of the state machine that are none in yours. By default each is reported: see {@linkcode MachineFault}. A machine that uses
   * clocks or chance all the same is given those of the seed.
   */
  readonly allow?: readonly MachineFault[];
  /** The operations of the clients. Required if `stateMachine` is given. */
  readonly workload?: Workload;
  /** The seed of the whole run; 1 by default. */
  readonly seed?: number;
  /** How many seeds to run, one after another, until one fails; 1 by default. */
  readonly runs?: number;
  /**
   * Makes the real stores beneath the disks; called once for each run. Every call is compared with the simulated disk.
   * By default the disks are in memory only.
   */
  readonly createStores?: () => Stores;
  /** Whether to record a trace. */
  readonly trace?: boolean;
  /**
   * Makes the cores of correct replicas: to plant bugs.
   * @internal
   */
  readonly createCore?: CoreMaker;
}

/** A violation as an error, for tests. */
export class SimulationError extends Error {
  /** @ignore */
  override name = "SimulationError";
  /** The report of the run. */
  readonly report: RunReport;

  /** The message names the invariant, the details and the seed. */
  constructor(report: RunReport) {
    const { violation, plan: { seed, replicas } } = report;
    super(
      `${violation?.invariant}: ${violation?.detail} (seed ${seed}, ${replicas} replicas, at ${
        violation?.atMs.toFixed(0)
      } ms)`,
    );
    this.report = report;
  }
}

/**
 * Runs a cluster of real replicas in virtual time, under the faults that the seed draws: crashes, partitions, loss,
 * Byzantine replicas, hostile clients. The same seed and code give the same report.
 *
 * Finds state machines that are not deterministic. The `detail` of the violation names the operation that gave
 * different results, or left different states.
 *
 * @throws {TypeError} if a state machine is given without a workload, or one of them is none.
 *
 * @example
 * ```ts
 * import { simulate } from "@pbft/edge/testing";
 *
 * const { violation, operations } = await simulate({ seed: 7 });
 * if (violation) throw new Error(`${violation.invariant}: ${violation.detail}`);
 * console.log(`${operations} operations, all in one order`);
 * ```
 */
export async function simulate(options: SimulateOptions = {}): Promise<RunReport> {
  const { seed = 1, runs = 1 } = options;
  const runOptions = runOptionsOf(options);
  for (let i = 0;; i++) {
    const report = await run(drawPlan(seed + i, options), runOptions);
    if (report.violation || i + 1 >= runs) return report;
  }
}

/** The options of a run besides its plan. @throws {TypeError} as {@linkcode simulate} does. */
export function runOptionsOf(options: SimulateOptions): RunOptions {
  const { stateMachine, createCore, createStores, trace, allow = [] } = options;
  if (stateMachine && !options.workload) {
    throw new TypeError("workload: expected one that goes with stateMachine, got none");
  }
  if (stateMachine) checkMaker(stateMachine);
  const workload = options.workload && checkedWorkload(options.workload);
  return {
    stateMachine: stateMachine
      ? (replica) => {
        const machine = callSeeded(stateMachine, replica);
        return guardMachine(machine, allow.includes("not-deterministic") ? { seed: replica } : {});
      }
      : createKeyValue,
    ...!stateMachine && { versions: keyValueVersions(createKeyValue) },
    ...stateMachine && { inspect: { create: stateMachine, allow } },
    ...workload && { workload },
    ...(createCore && { createCore }),
    ...(createStores && { createStores }),
    ...(trace !== undefined && { trace }),
  };
}
