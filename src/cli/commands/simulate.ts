/**
 * `deno task simulate`: runs clusters in virtual time, seed after seed, until a check fails or the time is up.
 * @module
 */
import { parseArgs } from "node:util";
import {
  Coverage,
  drawPlan,
  type Kind,
  KINDS,
  missingFrom,
  type Profile,
  PROFILES,
  run,
  type RunReport,
  shrink,
} from "../../testing/mod.ts";
import { CliError, runCommand } from "../cli_error.ts";
import { STORE_KINDS, type StoreKind } from "../simulation/real_stores.ts";
import { optionsOf, type Outcome, outcomesOf, type Simulation } from "../simulation/runs.ts";
import { positive } from "../numbers.ts";

const HELP = `Simulates clusters in virtual time with faults drawn from a seed, and checks all invariants.

  deno task simulate [options]

  --seed S        the first seed (random)
  --runs N        number of seeds (100)
  --jobs J        number of runs at the same time (1)
  --minutes M     as many seeds as fit into M minutes; with --runs, at most that many
  --replicas N    number of replicas (4 to 10, drawn)
  --profile P     ${PROFILES.join(", ")} (default)
  --kinds K,…     kinds of faults that each run must have: ${KINDS.join(", ")} (one or none, drawn)
  --store S       the stores of the replicas: ${STORE_KINDS.join(", ")} (drawn)
  --coverage      fail if something was not exercised by any run; a thousand default runs exercise everything
  --trace         print the events of each run
  --keep-going    continue after a failure
  --no-shrink     do not search for a smaller run with the same failure
  --help          print this help

A failure names the invariant, the seed and the command to replay it. The same seed and commit give the same run.`;

interface Options {
  readonly seed: number;
  readonly runs: number;
  readonly jobs: number;
  readonly minutes: number;
  readonly trace: boolean;
  readonly coverage: boolean;
  readonly keepGoing: boolean;
  readonly isShrinking: boolean;
  readonly help: boolean;
  readonly simulation: Simulation;
}

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const totals = new Totals();
  let failures = 0;
  const { seed, jobs, simulation, runs, minutes } = options;
  const goesOn = (begun: number) => begun < runs && totals.seconds < 60 * minutes;
  for await (const outcome of outcomesOf({ seed, jobs, simulation, goesOn })) {
    totals.add(outcome);
    if (options.trace || outcome.violation) {
      const runOptions = { ...optionsOf({ seed: outcome.seed, simulation }), trace: options.trace };
      const report = await run(drawPlan(outcome.seed, simulation), runOptions);
      if (options.trace) console.log(report.trace.join("\n"));
      if (report.violation) await explain(report, options);
    }
    if (outcome.violation) {
      failures++;
      if (!options.keepGoing) break;
    }
    if (totals.isTimeToTell()) console.error(totals.progress());
  }
  console.log(totals.summary());
  return failures > 0 || (options.coverage && totals.missing.length > 0) ? 1 : 0;
}

async function explain(report: RunReport, options: Options): Promise<void> {
  const { violation, plan: { seed, replicas } } = report;
  const { simulation } = options;
  const chosen = (["replicas", "profile", "store"] as const).map((name) => {
    return simulation[name] === undefined ? "" : ` --${name} ${simulation[name]}`;
  }).join("") + (simulation.kinds === undefined ? "" : ` --kinds ${simulation.kinds.join(",") || "none"}`);
  console.log(`\nBROKEN ${violation!.invariant}, at ${violation!.atMs.toFixed(0)} virtual ms, ${replicas} replicas`);
  console.log(`  ${violation!.detail}`);
  console.log(`  seed ${seed}, commit ${await commit()}`);
  console.log(`  replay: deno task simulate --seed ${seed} --runs 1${chosen} --trace`);
  if (!options.isShrinking) return;
  const small = await shrink(report, optionsOf({ seed, simulation }));
  console.log(`  made smaller: ${JSON.stringify(small.plan)}`);
  console.log(small.trace.slice(-MOST_LINES).join("\n"));
  console.log(`  ${small.violation?.detail}`);
}

const MOST_LINES = 120;

async function commit(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", { args: ["describe", "--always", "--dirty"], stderr: "null" })
      .output();
    return new TextDecoder().decode(stdout).trim() || "unknown";
  } catch {
    return "unknown";
  }
}

/** The sum of all runs. */
class Totals {
  readonly #began = performance.now();
  readonly #coverage = new Coverage();
  #toldAt = 0;
  #runs = 0;
  #failures = 0;
  #virtualMs = 0;
  #operations = 0;

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  add({ coverage, violation, virtualMs, operations }: Outcome): void {
    this.#coverage.add(coverage);
    this.#runs++;
    if (violation) this.#failures++;
    this.#virtualMs += virtualMs;
    this.#operations += operations;
  }

  isTimeToTell(): boolean {
    if (this.seconds < this.#toldAt + 5) return false;
    this.#toldAt = this.seconds;
    return true;
  }

  progress(): string {
    const minutes = this.seconds / 60;
    return `${this.#runs} runs, ${this.#failures} broken, ${(this.#runs / minutes).toFixed(0)} runs/min, ` +
      `${(this.#virtualMs / 3_600_000 / minutes).toFixed(1)} virtual hours/min`;
  }

  /** What no run exercised. */
  get missing(): readonly string[] {
    return missingFrom(this.#coverage);
  }

  summary(): string {
    const missing = this.missing.map((what) => `NEVER ${what}\n`).join("");
    return `${this.#coverage}\n${missing}${this.progress()}, ${this.#operations} operations`;
  }
}

function parse(args: readonly string[]): Options {
  const values = parseValues(args);
  const { profile, store } = values;
  if (store !== undefined && !STORE_KINDS.includes(store as StoreKind)) {
    throw usage(`--store: expected ${STORE_KINDS.join(", ")}, got ${store}`);
  }
  if (profile !== undefined && !PROFILES.includes(profile as Profile)) {
    throw usage(`--profile: expected ${PROFILES.join(", ")}, got ${profile}`);
  }
  const replicas = natural("replicas", values.replicas);
  if (replicas !== undefined && (replicas < 4 || replicas > 10)) {
    throw usage(`--replicas: expected 4 to 10, got ${replicas}`);
  }
  const kinds = values.kinds === "none" ? [] : values.kinds?.split(",");
  const unknown = kinds?.find((kind) => !KINDS.includes(kind as Kind));
  if (unknown !== undefined) throw usage(`--kinds: expected none or some of ${KINDS.join(", ")}, got ${unknown}`);
  const minutes = values.minutes === undefined ? Infinity : positive("--minutes", values.minutes);
  return {
    seed: natural("seed", values.seed) ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
    runs: natural("runs", values.runs) ?? (values.trace ? 1 : values.minutes ? Infinity : 100),
    jobs: Math.max(1, natural("jobs", values.jobs) ?? 1),
    minutes,
    trace: values.trace ?? false,
    coverage: values.coverage ?? false,
    keepGoing: values["keep-going"] ?? false,
    isShrinking: !values["no-shrink"] && !values.trace,
    help: values.help ?? false,
    simulation: {
      ...(profile !== undefined && { profile: profile as Profile }),
      ...(replicas !== undefined && { replicas }),
      ...(kinds !== undefined && { kinds: kinds as readonly Kind[] }),
      ...(store !== undefined && { store: store as StoreKind }),
    },
  };
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: { type: "string" },
        runs: { type: "string" },
        jobs: { type: "string" },
        minutes: { type: "string" },
        replicas: { type: "string" },
        profile: { type: "string" },
        store: { type: "string" },
        kinds: { type: "string" },
        coverage: { type: "boolean" },
        trace: { type: "boolean" },
        "keep-going": { type: "boolean" },
        "no-shrink": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw usage((error as Error).message.split(/\. |\n/, 1)[0]!);
  }
}

function natural(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[0-9]{1,15}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw usage(`--${name}: expected a natural number, got ${JSON.stringify(text)}`);
}

function usage(message: string): CliError {
  return new CliError(`${message}\nTry --help.`);
}

if (import.meta.main) await runCommand(() => main(Deno.args));
