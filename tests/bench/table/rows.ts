/**
 * The rows of the table in `docs/performance.md` that are settings of the bench.
 * @module
 */
import type { Round, Setting } from "../measure.ts";

/** One row. */
export interface Row {
  readonly name: string;
  readonly setting: Setting;
  readonly value: keyof Round | "megabytes";
  /** The worst round counts, and not the median. */
  readonly worst?: boolean;
}

const LAN = { kind: "bundled", callers: 1, payload: 100, replicas: 4, wan: [], stalls: 0 } as const;

/** All rows, in the order of the table; a state is filled to so many keys. */
export function rowsFor(keys: number): readonly Row[] {
  return [...ROWS, {
    ...row(
      `200 callers fill a state to ${keys.toLocaleString("en")} keys, worst wait`,
      { callers: 200, kind: "fill" },
      "maxMs",
    ),
    worst: true,
  }];
}

const ROWS: readonly Row[] = [
  row("1 caller", {}, "p50Ms"),
  row("1 caller", {}),
  ...[50, 200].map((callers) => row(`${callers} callers on one client`, { callers })),
  row("200 callers on one client, memory of the largest replica", { callers: 200 }, "megabytes"),
  ...[50, 200].map((callers) => row(`${callers} callers that each sign alone`, { callers, kind: "alone" })),
  ...[50, 200].map((callers) => row(`${callers} callers of \`/req\` at one gateway`, { callers, kind: "gateway" })),
  ...[1, 50, 200].map((callers) => row(`${callersOf(callers)}, queries`, { callers, kind: "queries" })),
  ...[10_000, 50_000].flatMap((payload) => [
    row(`50 callers, ${payload / 1000} KB`, { callers: 50, payload }),
    row(`50 callers, ${payload / 1000} KB`, { callers: 50, payload }, "p99Ms"),
  ]),
  ...[1, 50, 200].map((callers) => row(`${callersOf(callers)}, 25 ms one way`, { callers, wan: [25] }, "p50Ms")),
  ...[1, 50].map((callers) =>
    row(
      `${callersOf(callers)}, 10, 40 and 80 ms from the primary, 1 % late`,
      { callers, wan: [10, 40, 80], stalls: 0.01 },
      "p50Ms",
    )
  ),
  ...[7, 10, 13].flatMap((replicas) =>
    [1, 50, 200].map((callers) => row(`n = ${replicas}, ${callersOf(callers)}`, { replicas, callers }))
  ),
];

function callersOf(count: number): string {
  return count === 1 ? "1 caller" : `${count} callers`;
}

function row(name: string, setting: Partial<Setting>, value: Row["value"] = "operationsPerSecond"): Row {
  return { name, setting: { ...LAN, ...setting }, value };
}
