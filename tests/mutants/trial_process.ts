/**
 * Runs in a copy of the project, as a process of its own: tries the simulator's runs that stand in the first argument as JSON, one line
 * of JSON for each, and stops at the first violation.
 * @module
 */
import { storesOf } from "../../src/cli/simulation/real_stores.ts";
import { simulate, type Violation } from "../../src/testing/mod.ts";
import type { Trial } from "./schedule.ts";

/** What one run came to. */
export interface TrialLine {
  readonly trial: Trial;
  readonly violation: Violation | null;
}

if (import.meta.main) {
  const trials: readonly Trial[] = JSON.parse(Deno.args[0]!);
  for (const trial of trials) {
    const createStores = storesOf(trial.store ?? "simulated");
    const { violation } = await simulate({ ...trial, ...(createStores && { createStores }) });
    const line: TrialLine = { trial, violation };
    console.log(JSON.stringify(line));
    if (violation) break;
  }
}
