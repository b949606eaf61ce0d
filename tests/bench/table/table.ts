/**
 * `deno task bench --table DIR`: the table of `docs/performance.md`, this checkout against another one.
 * @module
 */
import type { Checkout } from "../cluster/checkout.ts";
import type { Measured } from "../measure.ts";
import { number, pairs, ratio, warnings } from "../report.ts";
import { type RunOptions, runSettings, withSides } from "../run.ts";
import { type Spread, spread } from "../stats.ts";
import { failPrimary, type Failure } from "./failures.ts";
import { type Row, rowsFor } from "./rows.ts";

/** Rounds of a fill: the growth of the waits shows in them. */
const FILL_ROUNDS = 20;

/** Measures and prints it as Markdown. */
export async function printTable(options: RunOptions & { readonly against: Checkout }): Promise<void> {
  const print = (cells: readonly string[]) => console.log(`| ${cells.join(" | ")} |`);
  print(["work", options.against.name, "this", "ratio", "lowest to highest"]);
  print(["---", "---", "---", "---", "---"]);
  const notes: string[] = [];
  for (const rows of byCluster(rowsFor(options.effort.keys))) {
    const settings = [...new Map(rows.map(({ setting }) => [JSON.stringify(setting), setting])).values()];
    const isFill = settings[0]!.kind === "fill";
    const effort = isFill ? { ...options.effort, rounds: FILL_ROUNDS } : options.effort;
    const results = await runSettings(settings, { ...options, effort });
    options.progress("");
    for (const row of rows) print(cellsOf(row, pairs(results)[settings.findIndex((one) => isSame(one, row))]!));
    notes.push(...warnings(results));
  }
  for (const cells of await failureCells(options)) print(cells);
  for (const note of notes) console.log(`\n${note}`);
}

/** Rows that run on the same cluster. One that fills its state serves no other. */
function byCluster(rows: readonly Row[]): Row[][] {
  const keyOf = ({ setting: { replicas, wan, kind } }: Row) => `${replicas} ${wan.length} ${kind === "fill"}`;
  return Object.values(Object.groupBy(rows, keyOf)) as Row[][];
}

function isSame(setting: Row["setting"], row: Row): boolean {
  return JSON.stringify(setting) === JSON.stringify(row.setting);
}

function cellsOf({ name, value, worst }: Row, [after, before]: readonly [Measured, Measured]): string[] {
  if (value === "megabytes") return memoryCells(name, after, before);
  const unit = value === "operationsPerSecond" ? "" : " ms";
  const what = value === "operationsPerSecond"
    ? "operations/s"
    : value === "p50Ms"
    ? "p50"
    : value === "p99Ms"
    ? "p99"
    : "";
  const of = (result: Measured) => number(worst ? result[value].max : result[value].median) + unit;
  const ratios = worst ? spread([before[value].max / after[value].max]) : ratio(after, before, value);
  return [what ? `${name}, ${what}` : name, of(before), of(after), ...ratioCells(ratios)];
}

/** The resident memory of the largest replica at the end of the rounds. */
function memoryCells(name: string, after: Measured, before: Measured): string[] {
  const [ours, theirs] = [after, before].map(({ residentBytes }) => {
    const known = residentBytes.filter((bytes) => bytes !== null);
    return known.length === residentBytes.length ? Math.max(...known) / 1e6 : NaN;
  }) as [number, number];
  return [name, `${number(theirs)} MB`, `${number(ours)} MB`, ...ratioCells(spread([theirs / ours]))];
}

function ratioCells({ median, min, max }: Spread): string[] {
  return [`x${median.toFixed(2)}`, min === max ? "" : `${min.toFixed(2)} to ${max.toFixed(2)}`];
}

async function failureCells(options: RunOptions): Promise<string[][]> {
  const sides = await withSides({ replicas: 4, memory: options.memory, proxied: false }, options, async (sides) => {
    const failures = sides.map((): Failure[] => []);
    for (let round = 1; round <= options.effort.rounds; round++) {
      for (const [i, side] of sides.entries()) {
        options.progress(`killing the primary: round ${round} of ${options.effort.rounds}, ${side.checkout.name}`);
        failures[i]!.push(await failPrimary(side));
      }
    }
    return failures;
  });
  options.progress("");
  const [after, before] = sides as [Failure[], Failure[]];
  const row = (name: string, value: keyof Failure) => {
    const [ours, theirs] = [after, before].map((failures) => spread(failures.map((failure) => failure[value])));
    const ratios = spread(after.map((failure, i) => before[i]![value] / failure[value]));
    return [name, `${number(theirs!.median)} ms`, `${number(ours!.median)} ms`, ...ratioCells(ratios)];
  };
  return [
    row("the primary is killed under load: longest pause", "pauseMs"),
    row("from the start of a process to ready", "readyMs"),
  ];
}
