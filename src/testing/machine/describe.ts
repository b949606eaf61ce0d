/**
 * The report of a run in words.
 * @module
 */
import type { RunReport } from "../run_options.ts";
import type { MachineFinding } from "./fault.ts";

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
  const rows = rowsOf([...factsOf(machine), ["replay", `the same call with seed: ${seed}`]]);
  return [`BROKEN  your machine: ${machine.what}       ${at}`, ...rows].join("\n");
}

/** A name and what it stands for. */
export type Row = readonly [name: string, text: string];

/** What is known of a mistake, besides what it is. */
export function factsOf({ operation, caller, said, at, advice }: MachineFinding): readonly Row[] {
  return [
    ["operation", `${operation}  by ${caller}`],
    ...said,
    ...at === null ? [] : [["differs", `at ${at}`] as const],
    ...advice === null ? [] : [["likely", advice] as const],
  ];
}

/** Rows in two columns. */
export function rowsOf(rows: readonly Row[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
}
