/**
 * What is said of a broken seed: its report, and a smaller run with the same failure.
 * @module
 */
import { drawPlan, run, shrink } from "../../testing/mod.ts";
import { runProgram } from "../machine/inspect.ts";
import { lookAt } from "./look.ts";
import { optionsOf, type Outcome, type Simulation } from "./runs.ts";

/** The report of a broken seed, and the command that replays it. `command`: as `simulate` is typed here. */
export async function reportOf(
  { seed, violation }: Outcome,
  { simulation, command }: { readonly simulation: Simulation; readonly command: string },
): Promise<readonly string[]> {
  const { replicas } = drawPlan(seed, simulation);
  const chosen = (["replicas", "profile", "store"] as const).map((name) => {
    return simulation[name] === undefined ? "" : ` --${name} ${simulation[name]}`;
  }).join("") + (simulation.kinds === undefined ? "" : ` --kinds ${simulation.kinds.join(",") || "none"}`);
  const { machine } = simulation;
  const file = machine === undefined
    ? ""
    : ` ${quoted(machine.path)}${machine.exportName ? ` --export ${machine.exportName}` : ""}`;
  const at = Math.round(violation!.atMs).toLocaleString("en-US");
  // The page has no machine of the user's own, and no cluster whose members change.
  const isShown = machine === undefined && !simulation.kinds?.includes("epochs");
  const [first = "", ...more] = violation!.detail.split("\n");
  return [
    "",
    `BROKEN ${violation!.invariant}   seed ${seed}, at ${at} virtual ms, ${replicas} replicas`,
    `  what     ${first}`,
    ...more.map((line) => `           ${line}`),
    ...(machine === undefined ? [`  commit   ${await commit()}`] : []),
    `  replay   ${command}${file} --seed ${seed} --runs 1${chosen} --trace`,
    ...(isShown ? [`  look     ${lookAt(seed, violation!.atMs, simulation, command)}`] : []),
  ];
}

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
  if (!failed.violation) return { trace: [], lines: ["  smaller  none, as another run of this seed is not broken"] };
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

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path}'`;
}

async function commit(): Promise<string> {
  try {
    return (await runProgram("git", ["describe", "--always", "--dirty"])).out.trim() || "unknown";
  } catch {
    return "unknown";
  }
}
