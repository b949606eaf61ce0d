/**
 * `deno task failover`: how long clients wait when primaries are killed under load, over several rounds.
 * @module
 */
import { parseArgs } from "node:util";
import { spread } from "../bench/stats.ts";
import { WAYS } from "./clients.ts";
import { Fleet } from "./fleet.ts";
import { Load, type Waited } from "./load.ts";
import { natural } from "../../src/cli/numbers.ts";
import { runCommand } from "../../src/cli/cli_error.ts";
import { maxFaulty } from "../../src/core/messages/quorum.ts";

const HELP = `Kills the primary (kill -9) under load again and again, and measures how long clients wait.

  deno task failover [options]

  --replicas N   how many (4)
  --kill K       so many at once, the primary and those that would follow it (1)
  --rounds R     (5)
  --callers C    of each way: bundled, alone and req (8)
  --stop         stop them (SIGSTOP) instead, and let them go on afterwards
  --trace        print what the replicas said about it
  --help         print this`;

/** Under load before a kill, and after the view has changed, ms. */
const LOAD_MS = 1_500;

/** What one round came to. */
export interface Round extends Waited {
  /** What clients were told instead of an answer. */
  readonly errors: readonly string[];
  readonly killed: readonly string[];
  /** What the replicas printed after the kill. */
  readonly lines: readonly { readonly afterMs: number; readonly text: string }[];
}

/** What a round does: how many are killed, or stopped; how many callers of each way there are, and how long each waits after an answer. */
export interface RoundOptions {
  readonly kill: number;
  readonly stop?: boolean;
  readonly callers: number;
  readonly thinkMs?: number;
}

/** Kills the primary, and those that would follow it, of a fleet under load; starts them again; waits until they are level. */
export async function failOver(
  fleet: Fleet,
  { kill, stop = false, callers, thinkMs = 0 }: RoundOptions,
): Promise<Round> {
  const load = new Load(fleet, callers, { thinkMs });
  try {
    await sleep(LOAD_MS);
    const first = fleet.names.indexOf(await fleet.primary());
    const killed = Array.from({ length: kill }, (_, i) => fleet.names[(first + i) % fleet.names.length]!);
    const at = performance.now();
    await Promise.all(killed.map((name) => stop ? fleet.pause(name) : fleet.kill(name)));
    await load.untilAllAnswered(at);
    await sleep(LOAD_MS);
    await load.stop();
    const lines = fleet.lines.filter((line) => line.at >= at).map((line) => ({
      afterMs: line.at - at,
      text: line.text,
    }));
    for (const name of killed) stop ? fleet.resume(name) : fleet.start(name);
    for (const name of killed) await fleet.untilReady(name);
    for (const name of killed) await fleet.untilLevel(name);
    return { ...load.around(at), errors: load.errors, killed, lines };
  } finally {
    await load.stop();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      replicas: { type: "string", default: "4" },
      kill: { type: "string", default: "1" },
      rounds: { type: "string", default: "5" },
      callers: { type: "string", default: "8" },
      stop: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const replicas = natural("--replicas", values.replicas, { min: 4, max: 26 });
  const kill = natural("--kill", values.kill, { min: 1, max: maxFaulty(replicas) });
  const count = natural("--rounds", values.rounds, { min: 1 });
  const callers = natural("--callers", values.callers, { min: 1 });
  const fleet = await Fleet.start(replicas);
  const rounds: Round[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const round = await failOver(fleet, { kill, stop: values.stop, callers });
      rounds.push(round);
      const figures = WAYS.map((way) => `${way} ${round.pauseMs[way].toFixed(0)} (${round.longestMs[way].toFixed(0)})`);
      console.log(
        `${round.killed.join(" and ")} ${values.stop ? "stopped" : "killed"}; pause (longest wait), ms: ${
          figures.join(", ")
        }`,
      );
      for (const error of round.errors) console.log(`  error: ${error}`);
      if (values.trace) {
        for (const line of round.lines) console.log(`  ${line.afterMs.toFixed(0).padStart(6)} ${line.text}`);
      }
    }
  } finally {
    await fleet.stop();
  }
  for (const way of WAYS) {
    const { min, median, max } = spread(rounds.map(({ pauseMs }) => pauseMs[way]));
    const waits = spread(rounds.map(({ longestMs }) => longestMs[way]));
    console.log(
      `${way.padEnd(8)} pause ${min.toFixed(0)} / ${median.toFixed(0)} / ${max.toFixed(0)} ms, ` +
        `longest wait ${waits.min.toFixed(0)} / ${waits.median.toFixed(0)} / ${
          waits.max.toFixed(0)
        } ms (min / median / max)`,
    );
  }
  return rounds.some(({ errors }) => errors.length > 0) ? 1 : 0;
}

if (import.meta.main) await runCommand(() => main(Deno.args));
