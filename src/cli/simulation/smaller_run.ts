/**
 * Searches for a smaller run with the same failure.
 * @module
 */
import { drawPlan, run, shrink } from "../../testing/mod.ts";
import { NOT_AGAIN } from "./report.ts";
import { optionsOf, type Simulation } from "./runs.ts";

/** A smaller run with the same failure. */
export interface Smaller {
  /** The last events of the smaller run, and what is wrong there. */
  readonly trace: readonly string[];
  /** What the report says of it. */
  readonly lines: readonly string[];
}

/** Searches for a smaller run that fails like this seed, for `maxMs` at most. */
export async function smallerRun(seed: number, simulation: Simulation, maxMs: number): Promise<Smaller> {
  if (maxMs <= 0) return { trace: [], lines: ["  stopped  no time is left for the search for a smaller run"] };
  const options = await optionsOf({ seed, simulation });
  const began = performance.now();
  const failed = await run(drawPlan(seed, simulation), options);
  if (!failed.violation) return { trace: [], lines: simulation.machine ? NOT_AGAIN : NONE };
  const runMs = performance.now() - began;
  let isStopped = false;
  // Two more runs must fit: one that is tried, and the last one, which has the trace.
  const goesOn = () => !(isStopped = performance.now() - began + 2 * runMs > maxMs);
  const small = await shrink(failed, { ...options, goesOn });
  const stopped = `  stopped  the search for a smaller run, after ${Math.ceil((performance.now() - began) / 1_000)} s`;
  return {
    trace: ["The end of the smaller run:", ...small.trace.slice(-MOST_LINES), `  ${small.violation?.detail}`],
    lines: [...(isStopped ? [stopped] : []), `  smaller  ${JSON.stringify(small.plan)}`],
  };
}

const MOST_LINES = 120;
/**
 * Of the project's own machines, each run of a seed is the same: then the code has changed, or a fault of the simulator
 * shows.
 */
const NONE = ["  but      run by itself this seed is not broken: the simulation is not deterministic"];
