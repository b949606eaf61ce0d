/**
 * What the bench prints.
 * @module
 */
import type { Part } from "./breakdown.ts";
import type { Measured, Round } from "./measure.ts";
import { type Spread, spread } from "./stats.ts";

/** Share of the machine's CPU from which on results are worth little. */
const DISTURBING = 0.05;

type Cell = readonly [column: string, text: (result: Measured) => string];

const CELLS: readonly Cell[] = [
  ["callers", ({ callers }) => `${callers}`],
  ["work", ({ kind }) => kind],
  [
    "operations/s",
    ({ operationsPerSecond }) => `${number(operationsPerSecond.median)} (${range(operationsPerSecond)})`,
  ],
  ["p50 ms", ({ p50Ms }) => number(p50Ms.median)],
  ["p99 ms", ({ p99Ms }) => `${number(p99Ms.median)} (${range(p99Ms)})`],
  ["worst ms", ({ maxMs }) => number(maxMs.max)],
  [
    "CPU us/op replicas + client",
    ({ replicasCpuUs, clientCpuUs }) => `${either(replicasCpuUs)} + ${either(clientCpuUs)}`,
  ],
  ["messages/op", ({ messages }) => number(messages.median)],
  ["bytes/op", ({ messageBytes }) => number(messageBytes.median)],
  ["ops/batch", ({ batchOperations }) => either(batchOperations)],
  ["MB/replica", ({ residentBytes }) => megabytes(residentBytes)],
];

/** Columns that are left out if all results have the same. */
const OPTIONAL: readonly Cell[] = [
  ["side", ({ side }) => side],
  ["n", ({ replicas }) => `${replicas}`],
  ["payload", ({ payload }) => `${payload}`],
  ["one way ms", ({ wan, stalls }) => wan.join("/") + (stalls > 0 ? `, ${stalls * 100} % late` : "")],
];

/** All results, one line each. Behind a median: the lowest and the highest round. */
export function table(results: readonly Measured[]): string {
  const varying = OPTIONAL.filter(([, text]) => new Set(results.map(text)).size > 1 || text(results[0]!) === "");
  const cells = [...varying.filter(([, text]) => results.some((result) => text(result) !== "")), ...CELLS];
  const rows = [cells.map(([column]) => column), ...results.map((result) => cells.map(([, text]) => text(result)))];
  const widths = cells.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join("  ")).join("\n");
}

/** How much better one value of this side is, by round: above 1 is better. */
export function ratio(after: Measured, before: Measured, value: keyof Round): Spread {
  const ratios = after.rounds.map((round, i) => {
    const [ours, theirs] = [round[value], before.rounds[i]![value]];
    return value === "operationsPerSecond" ? ours / theirs : theirs / ours;
  });
  return spread(ratios);
}

const RATIOS: readonly (readonly [string, keyof Round])[] = [
  ["operations/s", "operationsPerSecond"],
  ["p50", "p50Ms"],
  ["p99", "p99Ms"],
  ["CPU of replicas", "replicasCpuUs"],
  ["CPU of client", "clientCpuUs"],
  ["messages", "messages"],
];

/** This side over the other, one line per setting: above 1, this side is better by that factor. */
export function ratioTable(results: readonly Measured[]): string {
  const lines = pairs(results).map(([after, before]) => {
    const parts = RATIOS.flatMap(([name, value]) => {
      const { median, min, max } = ratio(after, before, value);
      return !Number.isFinite(median) ? [] : `${name} x${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
    });
    return `${settingName(after)}: ${parts.join(", ")}`;
  });
  return [`${results[0]!.side} against ${results[1]!.side}; above 1 is better:`, ...lines].join("\n");
}

/** The results of the two sides, by setting. */
export function pairs(results: readonly Measured[]): (readonly [after: Measured, before: Measured])[] {
  return results.flatMap((after, i) => i % 2 === 0 ? [[after, results[i + 1]!] as const] : []);
}

/** A setting in words. */
export function settingName({ callers, kind, replicas, payload, wan }: Measured): string {
  const more = [
    ...(replicas === 4 ? [] : [`n = ${replicas}`]),
    ...(payload === 100 ? [] : [`${payload} bytes`]),
    ...(wan.length === 0 ? [] : [`${wan.join("/")} ms one way`]),
  ];
  return [`${callers} ${kind}`, ...more].join(", ");
}

/** What a reader must know before trusting the numbers, one line each. */
export function warnings(results: readonly Measured[]): string[] {
  const worst = Math.max(...results.map(({ disturbance }) => disturbance.max || 0));
  const busy = worst < DISTURBING
    ? []
    : [`Other processes took up to ${Math.round(worst * 100)} % of the machine: compare ratios of one run only.`];
  return [
    ...busy,
    ...results.flatMap((result) => {
      const where = `${settingName(result)} (${result.side})`;
      const failed = result.rounds.reduce((sum, round) => sum + round.failed, 0);
      return [
        ...(failed > 0 ? [`${where}: ${failed} operations failed: ${result.error}`] : []),
        ...(result.viewChanges > 0 ? [`${where}: ${result.viewChanges} replicas left a view`] : []),
        ...(result.kind === "queries" && result.ordered.max > 0
          ? [`${where}: ${(result.ordered.max * 100).toFixed(1)} % of the queries were ordered`]
          : []),
      ];
    }),
  ];
}

/** The parts of a lone operation's time. */
export function breakdownText(parts: readonly Part[], latencyMs: number): string {
  const lines = parts.map(({ name, ms, within }) => `${ms.toFixed(2).padStart(8)} ms  ${within ? "  " : ""}${name}`);
  return [`A lone operation, ${latencyMs.toFixed(2)} ms:`, ...lines].join("\n");
}

function megabytes(residentBytes: readonly (number | null)[]): string {
  const known = residentBytes.filter((bytes) => bytes !== null);
  return known.length > 0 ? number(Math.max(...known) / 1e6) : "-";
}

function either({ median }: Spread): string {
  return Number.isFinite(median) ? number(median) : "-";
}

function range({ min, max }: Spread): string {
  return `${number(min)}-${number(max)}`;
}

/** A number with as many digits as it is worth. */
export function number(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value >= 100 ? Math.round(value).toLocaleString("en") : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
