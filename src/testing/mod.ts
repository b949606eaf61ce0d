/**
 * A deterministic simulator. It runs whole clusters in virtual time under faults that are drawn from one seed, and
 * checks every invariant. Users can run their own state machine in it.
 *
 * @example
 * ```ts
 * import { simulate, SimulationError } from "@pbft/edge/testing";
 *
 * const report = await simulate({ seed: 42, replicas: 4 });
 * if (report.violation) throw new SimulationError(report);
 * ```
 *
 * @module
 */
export type { MachineChange, Mistake, Reconfiguration, Reconfigurations } from "./plan/reconfigurations.ts";
export type {
  Behaviour,
  Demand,
  Fault,
  HostileBehaviour,
  HttpPlan,
  NetworkFault,
  Plan,
  SchemeName,
  Span,
} from "./plan/plan.ts";
export { type Kind, KINDS } from "./kinds/mod.ts";
export type { ClientHabits } from "./clients/habits.ts";
export type { DiskHabits, Stores } from "./hosts/disk.ts";
export type { NetworkHabits } from "./world/network.ts";
export type { SimulatedVersions } from "./versions/versions.ts";
export type { Invariant, Violation } from "./violation.ts";
export type { Model } from "./invariants/linearizability.ts";
export type { CoreMaker } from "./world/world_base.ts";
export { Coverage } from "./coverage.ts";
export { missingFrom } from "./expected.ts";
export { CALM_DELAY_MS, type DrawOptions } from "./plan/draw.ts";
export { drawPlan } from "./plan/draw_plan.ts";
export { type Profile, PROFILES } from "./plan/profile.ts";
export { run } from "./run.ts";
export type { RunOptions, RunReport } from "./run_options.ts";
export { runOptionsOf, simulate, type SimulateOptions, SimulationError } from "./simulate.ts";
export { shrink, type ShrinkOptions } from "./shrink.ts";
export { keyValueWorkload, type Workload } from "./plan/workload.ts";
export { Random } from "./random.ts";
export { type Means, mutateStructure } from "./adversary/structural_mutations.ts";
export { describeRun } from "./machine/describe.ts";
export type { MachineFault, MachineFinding } from "./machine/fault.ts";
export { guardMachine, type Handling } from "./machine/guard.ts";
export { NotDeterministicError, type Use } from "../guard/forbidden.ts";
