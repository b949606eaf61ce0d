/**
 * Tries sampled mutants on the simulator and, if asked, those that survive on the tests.
 * @module
 */
import { Lane, type Outcome } from "./lane.ts";
import type { Sampled } from "./sample.ts";
import type { Trial } from "./schedule.ts";

/** How they are tried. */
export interface SampledOptions {
  readonly trials: readonly Trial[];
  readonly limitMs: number;
  readonly lanes: number;
  /** Folders of tests for those that the simulator does not find. */
  readonly tests: readonly string[];
}

/** Tries them all; prints each one's fate, and those who survive once more at the end. Gives how many do. */
export async function trySampled(sampled: readonly Sampled[], options: SampledOptions): Promise<number> {
  const lanes = await Promise.all(Array.from({ length: options.lanes }, () => Lane.create()));
  const left = [...sampled];
  const survivors: string[] = [];
  let byTests = 0;
  try {
    await Promise.all(lanes.map(async (lane) => {
      for (let one = left.shift(); one; one = left.shift()) {
        const outcome = await lane.try(one, options.trials, options.limitMs);
        // A process that is stopped has said nothing: somebody has to look.
        const isFound = outcome.kind === "violation" || outcome.kind === "crash";
        const isTested = !isFound && options.tests.length > 0 && await lane.fails(one, options.tests, options.limitMs);
        if (isTested) byTests++;
        if (!isFound && !isTested) survivors.push(`${one.rule}: ${one.words}`);
        console.log(`${fateOf(outcome, isTested)} ${one.rule}: ${one.words}`);
      }
    }));
  } finally {
    for (const lane of lanes) await lane.remove();
  }
  const bySimulator = sampled.length - survivors.length - byTests;
  console.log(`\n${sampled.length} sampled, ${bySimulator} found by the simulator, ${byTests} by tests alone`);
  for (const words of survivors) console.log(`SURVIVED ${words}`);
  return survivors.length;
}

function fateOf(outcome: Outcome, isTested: boolean): string {
  switch (outcome.kind) {
    case "violation":
      return `found (${outcome.line.violation!.invariant}, run ${outcome.runs})`.padEnd(34);
    case "none":
      return (isTested ? "found by tests" : "SURVIVED").padEnd(34);
    case "timeout":
      return (isTested ? "found by tests" : "NO VERDICT in time").padEnd(34);
    case "crash":
      return "does not run".padEnd(34);
  }
}
