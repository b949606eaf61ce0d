/**
 * `deno task bench`: four replica processes with SQLite on this machine, and callers with 100-byte operations in a
 * closed loop, in this process.
 * @module
 */
import { parseArgs } from "node:util";
import { breakdown, type Part } from "./breakdown.ts";
import { ClusterProcess } from "./cluster_process.ts";
import { Callers, type Way } from "./load.ts";
import { measure, type Measured } from "./measure.ts";
import { breakdownText, disturbanceText, table } from "./report.ts";

const HELP =
  `Measures four replicas on this machine, each a process with SQLite, under callers with 100-byte operations.

  deno task bench [options]

  --callers LIST   how many callers at a time (1,50,200)
  --ways LIST      bundled: all callers on one client, which bundles;
                   alone: each caller its own client, which signs alone (bundled,alone)
  --seconds S      how long a round takes (3)
  --rounds R       rounds per setting; the median is printed, with the lowest and the highest (3)
  --memory         without a disk
  --json FILE      write all of it as JSON, too
  --help           print this

A line on standard error says what is being done. Ctrl-C stops the replicas.`;

const ENDING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];
const WARM_UP_SECONDS = 2;
const WAYS: readonly Way[] = ["bundled", "alone"];

interface Options {
  readonly callers: readonly number[];
  readonly ways: readonly Way[];
  readonly seconds: number;
  readonly rounds: number;
  readonly memory: boolean;
  readonly json: string | undefined;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);

async function main(args: readonly string[]): Promise<number> {
  let options: Options | null;
  try {
    options = parse(args);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (options === null) {
    console.log(HELP);
    return 0;
  }
  say("starting four replicas");
  const cluster = await ClusterProcess.start({ memory: options.memory });
  const interrupted = () => void cluster.stop().then(() => Deno.exit(130));
  for (const signal of ENDING) Deno.addSignalListener(signal, interrupted);
  try {
    say("warming up the replicas");
    await warmUp(cluster);
    const results = await runAll(cluster, options);
    say("");
    await report(results, options);
    return 0;
  } finally {
    for (const signal of ENDING) Deno.removeSignalListener(signal, interrupted);
    await cluster.stop();
  }
}

/** Compiled code is several times faster, and a lone caller would take minutes to get it compiled. */
async function warmUp(cluster: ClusterProcess): Promise<void> {
  for (const way of WAYS) {
    const callers = new Callers(cluster.file, way, 20);
    await callers.run(WARM_UP_SECONDS);
    callers.close();
  }
}

async function runAll(cluster: ClusterProcess, options: Options): Promise<Measured[]> {
  const { seconds, rounds } = options;
  const results: Measured[] = [];
  for (const callers of options.callers) {
    for (const way of options.ways) {
      if (callers === 1 && way !== options.ways[0]) continue; // the same thing
      results.push(await measure(cluster, { way, callers, seconds, rounds }, say));
    }
  }
  return results;
}

async function report(results: readonly Measured[], options: Options): Promise<void> {
  const { hardwareConcurrency } = navigator;
  const machine = `${Deno.build.os} ${Deno.build.arch}, ${hardwareConcurrency} cores, Deno ${Deno.version.deno}`;
  console.log(`${machine}; 4 replicas, ${options.memory ? "in memory" : "SQLite, synchronous"}`);
  console.log(table(results));
  const warning = disturbanceText(results);
  if (warning !== "") console.log(warning);
  const lone = results.find(({ callers }) => callers === 1);
  let parts: Part[] = [];
  if (lone !== undefined) {
    parts = await breakdown(lone);
    console.log(`\n${breakdownText(parts, lone.p50Ms.median)}`);
  }
  if (options.json === undefined) return;
  const numbers = results.map(({ metrics: _, ...rest }) => rest);
  const json = { at: new Date().toISOString(), machine, memory: options.memory, results: numbers, lone: parts };
  await Deno.writeTextFile(options.json, JSON.stringify(json, null, 2) + "\n");
}

/** @throws {RangeError} or {TypeError} that says what is wrong with the arguments. */
function parse(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      callers: { type: "string", default: "1,50,200" },
      ways: { type: "string", default: WAYS.join() },
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "3" },
      memory: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const rounds = positive("rounds", values.rounds);
  const callers = values.callers.split(",").map((text) => positive("callers", text));
  if (![rounds, ...callers].every(Number.isInteger)) throw new RangeError("--rounds, --callers: expected integers");
  const ways = values.ways.split(",").map((text) => {
    const way = WAYS.find((known) => known === text);
    if (way === undefined) throw new RangeError(`--ways: expected ${WAYS.join(" or ")}, got ${text}`);
    return way;
  });
  return {
    callers,
    ways,
    seconds: positive("seconds", values.seconds),
    rounds,
    memory: values.memory,
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new RangeError(`--${name}: expected a number above 0, got ${text}`);
  return value;
}

/** Replaces the progress line. */
function say(text: string): void {
  const isTerminal = Deno.stderr.isTerminal();
  const line = isTerminal ? `\r\x1b[K${text}` : text === "" ? "" : `${text}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}
