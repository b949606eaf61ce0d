/**
 * `deno task bench`: replica processes on this machine, callers in a closed loop in another process, and what that comes to.
 * @module
 */
import { runCommand } from "../../src/cli/cli_error.ts";
import { breakdown, type Part } from "./breakdown.ts";
import { HERE } from "./cluster/checkout.ts";
import { Side } from "./cluster/side.ts";
import { measure, type Measured, type Setting } from "./measure.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { breakdownText, ratioTable, table, warnings } from "./report.ts";
import { delaysOf, idealMs } from "./wan/delays.ts";

const ENDING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

if (import.meta.main) await runCommand(() => main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    console.log(HELP);
    return 0;
  }
  const results: Measured[] = [];
  for (const settings of byShape(options.settings)) results.push(...await measureShape(settings, options));
  say("");
  await report(results, options);
  return 0;
}

/** The settings that one cluster serves, together. */
function byShape(settings: readonly Setting[]): Setting[][] {
  return Object.values(
    Object.groupBy(settings, ({ replicas, wan }) => `${replicas}, ${wan.length > 0}`),
  ) as Setting[][];
}

/** Measures all these settings on one cluster of each side. */
async function measureShape(
  settings: readonly Setting[],
  { effort, warmUp, memory, against }: Options,
): Promise<Measured[]> {
  const { replicas, wan } = settings[0]!;
  const sides: Side[] = [];
  const stop = async () => {
    for (const side of sides.splice(0)) await side.stop();
  };
  const interrupted = () => void stop().then(() => Deno.exit(130));
  for (const signal of ENDING) Deno.addSignalListener(signal, interrupted);
  try {
    for (const checkout of [HERE, ...(against ? [against] : [])]) {
      say(`starting ${replicas} replicas${against ? `, ${checkout.name}` : ""}`);
      sides.push(await Side.start(checkout, { replicas, memory, proxied: wan.length > 0 }));
      say("warming up the replicas");
      // A batch is 2 n messages or more for each replica.
      await sides.at(-1)!.warmUp(Math.ceil(warmUp * 3 / (replicas - 1)));
    }
    const results: Measured[] = [];
    for (const setting of settings) {
      if (setting.wan.length > 0) {
        for (const { cluster } of sides) await cluster.proxies!.set(delaysOf(setting.wan, replicas), setting.stalls);
      }
      results.push(...await measure(sides, setting, effort, say));
    }
    return results;
  } finally {
    await stop();
    for (const signal of ENDING) Deno.removeSignalListener(signal, interrupted);
  }
}

async function report(results: readonly Measured[], { memory, against, json }: Options): Promise<void> {
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
