/**
 * `deno task bench`: replica processes on this machine, callers in a closed loop in another process, and what that comes to.
 * @module
 */
import { runCommand } from "../../src/cli/cli_error.ts";
import { breakdown, type Part } from "./breakdown.ts";
import type { Measured } from "./measure.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { breakdownText, ratioTable, table, warnings } from "./report.ts";
import { runSettings } from "./run.ts";
import { printTable } from "./table/table.ts";
import { delaysOf, idealMs } from "./wan/delays.ts";

if (import.meta.main) await runCommand(() => main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    console.log(HELP);
    return 0;
  }
  if (options.table !== null) {
    await printTable({ ...options, against: options.table, progress: say });
    return 0;
  }
  const results = await runSettings(options.settings, { ...options, progress: say });
  say("");
  await report(results, options);
  return 0;
}

async function report(results: readonly Measured[], { memory, against, json, plot }: Options): Promise<void> {
  const { hardwareConcurrency } = navigator;
  const machine = `${Deno.build.os} ${Deno.build.arch}, ${hardwareConcurrency} cores, Deno ${Deno.version.deno}`;
  console.log(`${machine}; ${memory ? "in memory" : "SQLite, synchronous"}`);
  console.log(table(results));
  for (
    const wan of new Set(results.filter(({ wan }) => wan.length > 0).map(({ replicas, wan }) => `${replicas}:${wan}`))
  ) {
    const [n, delays] = wan.split(":") as [string, string];
    const ideal = idealMs(delaysOf(delays.split(",").map(Number), Number(n)));
    console.log(`The delays alone: ${ideal.toFixed(0)} ms for an operation of ${n} replicas.`);
  }
  if (against) console.log(`\n${ratioTable(results)}`);
  for (const warning of warnings(results)) console.log(warning);
  const lone = results.find(({ callers, kind, wan }) => callers === 1 && kind === "bundled" && wan.length === 0);
  let parts: Part[] = [];
  if (lone !== undefined) {
    parts = await breakdown(lone);
    console.log(`\n${breakdownText(parts, lone.p50Ms.median)}`);
  }
  if (plot !== undefined) await Deno.writeTextFile(plot, await (await import("./plot.ts")).plotOf(results));
  if (json === undefined) return;
  const numbers = results.map(({ metrics: _, ...rest }) => rest);
  const text = { at: new Date().toISOString(), machine, memory, results: numbers, lone: parts };
  await Deno.writeTextFile(json, JSON.stringify(text, null, 2) + "\n");
}

/** Replaces the progress line. */
function say(text: string): void {
  const isTerminal = Deno.stderr.isTerminal();
  const line = isTerminal ? `\r\x1b[K${text}` : text === "" ? "" : `${text}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}
