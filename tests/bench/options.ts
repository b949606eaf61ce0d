/**
 * The arguments of `deno task bench`.
 * @module
 */
import { parseArgs } from "node:util";
import { natural, positive } from "../../src/cli/numbers.ts";
import { CliError } from "../../src/cli/cli_error.ts";
import { type Checkout, checkoutAt } from "./cluster/checkout.ts";
import type { Effort, Setting } from "./measure.ts";
import { type KindName, KINDS } from "./work/work.ts";
import { delaysOf } from "./wan/delays.ts";

const names = Object.keys(KINDS) as KindName[];
const DEFAULT_WORK = ["bundled", "alone"];

/** What `--help` prints. */
export const HELP = `Measures replicas on this machine, each a process with SQLite, under callers in a closed loop.

  deno task bench [options]

Work
  --work LIST      what callers do (${DEFAULT_WORK.join()}):
${names.map((name) => `                     ${name.padEnd(9)}${KINDS[name].what}`).join("\n")}
  --callers LIST   how many callers at a time (1,50,200)
  --payload LIST   bytes of an operation (100)
  --keys N         how many keys \`fill\` writes, in equal rounds (100000)

Cluster
  --replicas LIST  how many replicas (4)
  --memory         without a disk
  --wan LIST       delays, one way, in ms, by proxies on this machine: one for all ways, or one for
                   each backup: its distance from the primary, at whose place the clients are then
  --stalls P       percent of what passes a proxy that comes 200 ms late, as after a loss (0)

Measuring
  --warm-up N      batches before the first round, for replicas and client to be compiled (1500)
  --seconds S      how long a round takes (2)
  --rounds R       rounds per setting; the median is printed, with the lowest and the highest (3)
  --against DIR    another checkout of this project, in the same run: rounds take turns; ratios
  --table DIR      the table of docs/performance.md, before and after: against another checkout;
                   takes an hour with --keys 1000000, and ten minutes on a quiet machine with
                   --seconds 1 --rounds 2 --warm-up 400 --keys 50000; beside it only the
                   options under Measuring, --keys and --memory count
  --plot FILE      draw throughput against latency as SVG, one line per kind of work
  --json FILE      write all of it as JSON, too
  --help           print this

Each setting of the lists is measured with each of the others. A line on standard error says what is being
done. Ctrl-C stops the replicas.`;

/** What is asked for. */
export interface Options {
  readonly settings: readonly Setting[];
  readonly effort: Effort;
  /** Batches of four replicas before the first round. */
  readonly warmUp: number;
  readonly memory: boolean;
  readonly against: Checkout | null;
  /** The checkout before, for the table. */
  readonly table: Checkout | null;
  readonly plot: string | undefined;
  readonly json: string | undefined;
}

/** Reads the arguments; `null`: they ask for help. @throws {CliError} or an error of `parseArgs` that says what is wrong with them. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      work: { type: "string", default: DEFAULT_WORK.join() },
      callers: { type: "string", default: "1,50,200" },
      payload: { type: "string", default: "100" },
      keys: { type: "string", default: "100000" },
      replicas: { type: "string", default: "4" },
      memory: { type: "boolean", default: false },
      wan: { type: "string" },
      stalls: { type: "string" },
      "warm-up": { type: "string", default: "1500" },
      seconds: { type: "string", default: "2" },
      rounds: { type: "string", default: "3" },
      against: { type: "string" },
      table: { type: "string" },
      plot: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const list = (name: "callers" | "payload" | "replicas", min: number, max: number) =>
    values[name].split(",").map((text) => natural(`--${name}`, text, { min, max }));
  const wan = values.wan?.split(",").map((text) => positive("--wan", text)) ?? [];
  if (values.stalls !== undefined && wan.length === 0) throw new CliError("--stalls: needs --wan (see --help)", 2);
  const stalls = values.stalls === undefined ? 0 : positive("--stalls", values.stalls) / 100;
  const replicas = list("replicas", 4, 26);
  if (wan.length > 0) { for (const n of replicas) delaysOf(wan, n); }
  const settings = replicas.flatMap((replicas) =>
    list("payload", 40, 100_000).flatMap((payload) =>
      list("callers", 1, 10_000).flatMap((callers) =>
        values.work.split(",").map(kindOf).flatMap((kind, _, kinds): Setting[] => {
          if (callers === 1 && kind === "alone" && kinds.includes("bundled")) return []; // the same thing
          return [{ kind, callers, payload, replicas, wan, stalls }];
        })
      )
    )
  );
  return {
    settings,
    effort: {
      rounds: natural("--rounds", values.rounds, { min: 1, max: 1_000 }),
      seconds: positive("--seconds", values.seconds),
      keys: natural("--keys", values.keys, { min: 1 }),
    },
    warmUp: natural("--warm-up", values["warm-up"]),
    memory: values.memory,
    against: values.against === undefined ? null : checkoutAt(values.against),
    table: values.table === undefined ? null : checkoutAt(values.table),
    plot: values.plot,
    json: values.json,
  };
}

function kindOf(text: string): KindName {
  const name = names.find((known) => known === text);
  if (name === undefined) throw new CliError(`--work: expected ${names.join(", ")}, got ${text} (see --help)`, 2);
  return name;
}
