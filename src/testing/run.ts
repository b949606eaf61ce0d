/**
 * Runs a plan with everything that is checked.
 * @module
 */
import { hasNodeCrypto } from "../crypto/builtin_crypto.ts";
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
import { lineOf } from "./machine/finding.ts";
import { holdGlobals } from "../guard/globals.ts";
import { Inspector } from "./machine/inspector.ts";
import { blameStray, StrayRejections } from "./machine/stray.ts";
import type { Plan } from "./plan/plan.ts";
import type { RunOptions, RunReport } from "./run_options.ts";
import { watch } from "./running.ts";

/** Runs a plan. The same plan and code give the same report. */
export async function run(plan: Plan, options: RunOptions): Promise<RunReport> {
  return options.inspect ? await runInspected(plan, options) : (await runChecked(plan, options)).report;
}

/** The machine is a user's: it may leave promises behind, and is called with other globals. */
async function runInspected(plan: Plan, options: RunOptions): Promise<RunReport> {
  const stray = new StrayRejections();
  const release = holdGlobals();
  try {
    const { report, inspector } = await runChecked(plan, options);
    await stray.settled();
    const { create, allow } = options.inspect!;
    if (report.violation || stray.reasons.length === 0 || allow.includes("failure")) return report;
    const machine = await blameStray(create, inspector?.asked ?? [], stray);
    return {
      ...report,
      violation: { invariant: "machine", detail: lineOf(machine), atMs: report.virtualMs, machine },
    };
  } finally {
    release();
    stray.close();
  }
}

async function runChecked(
  plan: Plan,
  options: RunOptions,
): Promise<{ readonly report: RunReport; readonly inspector: Inspector | null }> {
  let inspector: Inspector | null = null;
  const report = await watch(plan, options, {
    thorough: {
      drill: options.drills ?? true ? drill : null,
      createInspector: (inspected) => inspector = new Inspector(inspected),
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
    ...plan.http && hasNodeCrypto() && { http: await (await import("./http/mod.ts")).httpParts() },
  });
  return { report, inspector };
}
