/**
 * The report of a run in words.
 * @module
 */
import type { RunReport } from "../run_options.ts";

/**
 * The report of a run, for a terminal: one line if nothing is wrong; else the fault, its place, and how to see it again.
 *
 * @example
 * ```ts
 * import { describeRun, simulate } from "@pbft/edge/testing";
 *
 * console.log(describeRun(await simulate({ seed: 7 })));
 * ```
 */
export function describeRun({ violation, plan, operations, batches }: RunReport): string {
  const { seed, replicas } = plan;
  if (!violation) {
    return `nothing is wrong: seed ${seed}, ${replicas} replicas, ${operations} operations, ${batches} batches`;
  }
  const at = `seed ${seed}, at ${Math.round(violation.atMs).toLocaleString("en-US")} ms, ${replicas} replicas`;
  const { machine } = violation;
  if (!machine) return `BROKEN  ${violation.invariant}       ${at}\n  ${violation.detail}`;
  const lines: (readonly [string, string])[] = [
    ["operation", `${machine.operation}  by ${machine.caller}`],
    ...machine.said,
    ...machine.at === null ? [] : [["differs", `at ${machine.at}`] as const],
    ...machine.advice === null ? [] : [["likely", machine.advice] as const],
    ["replay", `the same call with seed: ${seed}`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const rows = lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
  return [`BROKEN  your machine: ${machine.what}       ${at}`, ...rows].join("\n");
}
