/**
 * `deno task calm`: nothing goes wrong, at full load and then at none, and no primary may be replaced.
 * @module
 */
import { parseArgs } from "node:util";
import { WAYS } from "./clients.ts";
import { Fleet } from "./fleet.ts";
import { Load } from "./load.ts";
import { natural, positive } from "../../src/cli/numbers.ts";
import { runCommand } from "../../src/cli/cli_error.ts";

const HELP = `Runs replica processes at full load, and then without any, and counts the views that they leave: none.

  deno task calm [options]

  --minutes M    of each (10)
  --replicas N   how many (4)
  --callers C    of each way: bundled, alone and req (50)
  --help         print this`;

/** What a calm time came to. */
export interface Calm {
  /** What the replicas printed of view changes. */
  readonly unrest: readonly string[];
  readonly errors: readonly string[];
  readonly batches: number;
  /** The longest that one caller waited for one answer, ms. */
  readonly longestMs: number;
}

/** So many callers of each way ask without a pause for so long; with none the replicas idle. */
export async function keepCalm(
  fleet: Fleet,
  { seconds, callers }: { seconds: number; callers: number },
): Promise<Calm> {
  const start = performance.now();
  const load = callers > 0 ? new Load(fleet, callers) : null;
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  await load?.stop();
  const reports = await Promise.all(fleet.names.map((name) => fleet.status(name)));
  const unrest = fleet.lines.filter(({ at, text }) =>
    at >= start && /a new view has started|moving to view/.test(text)
  );
  const waits = load ? Object.values(load.around(0).longestMs) : [0];
  return {
    unrest: unrest.map(({ text }) => text),
    errors: load?.errors ?? [],
    batches: Math.max(...reports.map((report) => report?.lastExecuted ?? 0)),
    longestMs: Math.max(...waits),
  };
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "10" },
      replicas: { type: "string", default: "4" },
      callers: { type: "string", default: "50" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const seconds = 60 * positive("--minutes", values.minutes);
  const callers = natural("--callers", values.callers, { min: 1 });
  const fleet = await Fleet.start(natural("--replicas", values.replicas, { min: 4, max: 26 }));
  let failures = 0;
  try {
    for (const count of [callers, 0]) {
      const { unrest, errors, batches, longestMs } = await keepCalm(fleet, { seconds, callers: count });
      const who = count > 0 ? `${WAYS.length} times ${count} callers` : "nobody";
      console.log(
        `${who} for ${values.minutes} minutes: ${unrest.length} lines about view changes, ${errors.length} errors, ` +
          `batches so far ${batches}, longest wait ${longestMs.toFixed(0)} ms`,
      );
      for (const line of [...unrest, ...errors].slice(0, 20)) console.log(`  ${line}`);
      failures += unrest.length + errors.length;
    }
  } finally {
    await fleet.stop();
  }
  return failures > 0 ? 1 : 0;
}

if (import.meta.main) await runCommand(() => main(Deno.args));
