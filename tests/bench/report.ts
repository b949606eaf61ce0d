/**
 * What the bench prints.
 * @module
 */
import type { Part } from "./breakdown.ts";
import type { Measured } from "./measure.ts";
import type { Spread } from "./stats.ts";

/** Share of the machine's CPU from which on results are worth little. */
const DISTURBING = 0.05;

const COLUMNS = [
  "callers",
  "way",
  "operations/s",
  "p50 ms",
  "p99 ms",
  "CPU us/op replicas + client",
  "messages/op",
  "bytes/op",
  "ops/batch",
  "MB/replica",
];

/** All results, one line each. Behind a median: the lowest and the highest round. */
export function table(results: readonly Measured[]): string {
  const rows = [COLUMNS, ...results.map(row)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  return rows.map((cells) => cells.map((cell, i) => cell.padStart(widths[i]!)).join("  ")).join("\n");
}

/** A warning if others used the machine meanwhile, or an empty text. */
export function disturbanceText(results: readonly Measured[]): string {
  const worst = Math.max(...results.map(({ disturbance }) => disturbance?.max ?? 0));
  if (worst < DISTURBING) return "";
  return `Other processes took up to ${Math.round(worst * 100)} % of the machine: don't compare these numbers.`;
}

/** The parts of a lone operation's time. */
export function breakdownText(parts: readonly Part[], latencyMs: number): string {
  const lines = parts.map(({ name, ms, within }) => `${ms.toFixed(2).padStart(8)} ms  ${within ? "  " : ""}${name}`);
  return [`A lone operation, ${latencyMs.toFixed(2)} ms:`, ...lines].join("\n");
}

function row(result: Measured): string[] {
  const { callers, way, operationsPerSecond, p50Ms, p99Ms, replicasCpuUs, clientCpuUs } = result;
  const { messages, messageBytes, batchOperations, residentBytes } = result;
  const known = residentBytes.filter((bytes) => bytes !== null);
  return [
    `${callers}`,
    way,
    `${number(operationsPerSecond.median)} (${range(operationsPerSecond)})`,
    number(p50Ms.median),
    `${number(p99Ms.median)} (${range(p99Ms)})`,
    replicasCpuUs && clientCpuUs ? `${number(replicasCpuUs.median)} + ${number(clientCpuUs.median)}` : "-",
    number(messages.median),
    number(messageBytes.median),
    number(batchOperations.median),
    known.length > 0 ? number(Math.max(...known) / 1e6) : "-",
  ];
}

function range({ min, max }: Spread): string {
  return `${number(min)}-${number(max)}`;
}

function number(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
