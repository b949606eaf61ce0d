/**
 * Runs a plan with everything that is checked.
 * @module
 */
import { checkDurability, checkStores } from "./checks/ending.ts";
import { inspect } from "./checks/inspection.ts";
import { checkReload } from "./checks/reload.ts";
import { checkRoom } from "./checks/room.ts";
import { findDivergence } from "./divergence.ts";
import { drill } from "./drills/mod.ts";
import { CHANGES } from "./epochs/changes.ts";
import { exerciseStores } from "./hosts/store_exercise.ts";
import { STEP_CHECKS } from "./invariants/steps/all.ts";
import { findNonLinearizable } from "./invariants/linearizability.ts";
import { Inspector } from "./machine/inspector.ts";
import type { Plan } from "./plan/plan.ts";
import type { RunOptions, RunReport } from "./run_options.ts";
import { watch } from "./running.ts";

/** Runs a plan. The same plan and code give the same report. */
export async function run(plan: Plan, options: RunOptions): Promise<RunReport> {
  return await watch(plan, options, {
    thorough: {
      drill: options.drills ?? true ? drill : null,
      createInspector: (inspected) => new Inspector(inspected),
      steps: STEP_CHECKS,
      checkReload,
      inspect,
      checkRoom,
      checkStores,
      checkDurability,
      findNonLinearizable,
      findDivergence,
      exerciseStores,
    },
    changes: CHANGES,
  });
}
