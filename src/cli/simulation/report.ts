/**
 * The report of a broken seed.
 * @module
 */
import { factsOf, type Row, rowsOf } from "../../testing/machine/describe.ts";
import { drawPlan } from "../../testing/mod.ts";
import { runProgram } from "../machine/inspect.ts";
import { lookAt } from "./look.ts";
import type { Outcome, Simulation } from "./runs.ts";
import type { Found } from "./stuck.ts";

/** What was asked for. */
export interface Reported {
  /** As the command is typed here. */
  readonly command: string;
  readonly simulation: Simulation;
}

/** A machine may depend on the runs before, in the same thread. */
export const NOT_AGAIN = [
  "  but      run by itself this seed is not broken: the machine keeps something beside its state,",
  "           such as a variable of its module, or uses a clock",
];

/** A seed that is broken. */
export type Broken = Pick<Outcome, "seed" | "replicas"> & { readonly violation: Found };

/** The report of a broken seed: what is wrong, and how to see it again. */
export async function reportLines(
  { violation, seed, replicas }: Broken,
  options: Reported,
): Promise<readonly string[]> {
  const { simulation, command } = options;
  const chosen = (["replicas", "profile", "store"] as const).map((name) => {
    return simulation[name] === undefined ? "" : ` --${name} ${simulation[name]}`;
  }).join("") + (simulation.kinds === undefined ? "" : ` --kinds ${simulation.kinds.join(",") || "none"}`) +
    (simulation.stuckAfter === undefined ? "" : ` --stuck-after ${simulation.stuckAfter}`);
  const { machine } = simulation;
  const file = machine === undefined
    ? ""
    : ` ${quoted(machine.path)}${machine.exportName ? ` --export ${machine.exportName}` : ""}`;
  const { atMs } = violation;
  const at = atMs === null ? "" : `, at ${Math.round(atMs).toLocaleString("en-US")} virtual ms`;
  // The page has no machine of the user's own, no cluster whose members change, and no callers over HTTP.
  const { reconfigurations, http } = drawPlan(seed, simulation);
  const isShown = machine === undefined && !reconfigurations && !http;
  const rows: Row[] = [
    ...whatRows(violation),
    ...(machine === undefined ? [["commit", await commit()] as const] : []),
    ["replay", `${command}${file} --seed ${seed} --runs 1${chosen} --trace`],
    ...(isShown ? [["look", lookAt(seed, atMs ?? 0, simulation, command)] as const] : []),
  ];
  return [
    "",
    `BROKEN ${violation.invariant}   seed ${seed}${at}, ${replicas} replicas`,
    ...rowsOf(rows),
  ];
}

function whatRows({ detail, machine }: Found): readonly Row[] {
  if (machine) return [["what", machine.what], ...factsOf(machine)];
  return detail.split("\n").map((line, i) => [i === 0 ? "what" : "", line]);
}

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
