/**
 * `simulate`: runs clusters in virtual time, seed after seed, until a check fails or the time is up.
 * @module
 */
import process from "node:process";
import { Coverage, drawPlan, type Kind, KINDS, missingFrom, type Profile, PROFILES, run } from "../../testing/mod.ts";
import { CliError, EXIT, runCommand } from "../cli_error.ts";
import { runVerb } from "../parser/dispatch.ts";
import { EXPORT_FLAG } from "../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../parser/verb.ts";
import { type Broken, reportLines } from "../simulation/report.ts";
import { smallerRun } from "../simulation/smaller_run.ts";
import { STUCK_SECONDS } from "../simulation/stuck.ts";
import { ThreadError } from "../simulation/worker.ts";
import type { Terminal } from "../terminal.ts";
import { STORE_KINDS, type StoreKind } from "../simulation/real_stores.ts";
import { optionsOf, type Outcome, outcomesOf, type Simulation } from "../simulation/runs.ts";
import { positive } from "../numbers.ts";

const FLAGS = {
  "seed": { value: "S", help: "the first seed (random)" },
  "runs": { value: "N", help: "number of seeds (100)" },
  "jobs": { value: "J", help: "number of runs at the same time (1)" },
  "minutes": { value: "M", help: "as many seeds as fit into M minutes; with --runs, at most that many" },
  "replicas": { value: "N", help: "number of replicas (4 to 10, drawn)" },
  "profile": { value: "P", help: `${PROFILES.join(", ")} (default)` },
  "kinds": {
    value: "K,…",
    help: `kinds of faults that each run must have: ${KINDS.join(", ")} (one or none, drawn)`,
  },
  "store": { value: "S", help: `the stores of the replicas: ${STORE_KINDS.join(", ")} (drawn)` },
  ...EXPORT_FLAG,
  "stuck-after": {
    value: "S",
    help: `a call of your machine that takes longer than S seconds is a failure (${STUCK_SECONDS})`,
  },
  "coverage": {
    help:
      "print what the runs exercised, and fail if something was exercised by none of them; a thousand default runs exercise everything",
  },
  "trace": { help: "print the events of each run" },
  "keep-going": { help: "continue after a failure" },
  "no-shrink": { help: "do not search, for up to 2 minutes, for a smaller run with the same failure" },
} as const satisfies Flags;

/** The verb. */
export const verb = defineVerb({
  about: "Simulates clusters in virtual time with faults drawn from a seed, and checks all invariants.",
  args: [{
    name: "MACHINE",
    help: "the file that exports your state machine and its workload (key-value)",
    isOptional: true,
    isFile: true,
  }],
  flags: FLAGS,
  notes:
    `Prints one line if nothing is broken. A failure is reported at once: the invariant, the seed and the command to
replay it. The report stands at the end again if more was printed meanwhile. The same seed and commit give the same run.`,
  run: ({ args: [path], values, terminal }) => simulateSeeds(optionsFrom(values, path), terminal),
});

interface Options {
  readonly seed: number;
  readonly runs: number;
  readonly jobs: number;
  readonly minutes: number;
  readonly trace: boolean;
  readonly coverage: boolean;
  readonly keepGoing: boolean;
  readonly isShrinking: boolean;
  /** As the command is typed here. */
  readonly command: string;
  readonly simulation: Simulation;
}

async function simulateSeeds(options: Options, terminal: Terminal): Promise<number> {
  const totals = new Totals();
  const reports: string[] = [];
  const failures: {
    readonly seed: number;
    readonly invariant: string;
    readonly detail: string;
    readonly atMs: number | null;
  }[] = [];
  const { seed, jobs, simulation, runs, minutes } = options;
  // At least one run, however short the time is.
  const goesOn = (begun: number) => begun < runs && (begun === 0 || totals.seconds < 60 * minutes);
  try {
    for await (const outcome of outcomesOf({ seed, jobs, simulation, goesOn })) {
      totals.add(outcome);
      const { violation } = outcome;
      if (violation) failures.push({ seed: outcome.seed, ...violation });
      if (options.trace && !outcome.isStuck) await showTrace(outcome, simulation, terminal);
      if (violation) {
        const broken = { ...outcome, violation };
        reports.push(...await reportAtOnce(broken, options, terminal, 60 * minutes - totals.seconds));
      }
      if (violation && !options.keepGoing) break;
      terminal.progress(totals.progress());
      if (totals.isTimeToTell()) terminal.say(totals.progress());
    }
  } catch (error) {
    throw error instanceof ThreadError ? cliErrorOf(error, options) : error;
  }
  const { missing } = totals;
  if (terminal.isJson) {
    terminal.print(JSON.stringify({ ...totals.numbers, failures, ...(options.coverage && { missing }) }));
  } else {
    if (options.coverage) terminal.print(totals.coverage());
    if (reports.length === 0) {
      terminal.print(totals.progress() + (options.coverage ? "" : "; --coverage shows what was exercised"));
    } // The report is the last on the screen.
    else for (const line of [totals.progress(), ...reports]) terminal.print(line);
  }
  return totals.numbers.broken > 0 || (options.coverage && missing.length > 0) ? EXIT.no : EXIT.done;
}

/**
 * Prints the report of a failure before anything that takes long, so that whoever stops this command knows the seed.
 * Searches for a smaller run then. Returns the lines for the end of the screen.
 */
async function reportAtOnce(
  outcome: Broken & Pick<Outcome, "isStuck">,
  options: Options,
  terminal: Terminal,
  secondsLeft: number,
): Promise<readonly string[]> {
  const { simulation, keepGoing } = options;
  const isShrinking = options.isShrinking && !outcome.isStuck;
  const report = await reportLines(outcome, options);
  const show = (lines: readonly string[]) => lines.forEach(terminal.isJson ? terminal.say : terminal.print);
  if (isShrinking || keepGoing) show(report);
  if (!isShrinking || terminal.isJson) return report;
  terminal.progress(`seed ${outcome.seed} is broken: searching for a smaller run with the same failure…`);
  const small = await smallerRun(outcome.seed, simulation, 1_000 * Math.min(secondsLeft, MOST_SHRINKING_SECONDS));
  show(small.trace);
  return [...report, ...small.lines];
}

/** The longest search for a smaller run. */
const MOST_SHRINKING_SECONDS = 120;

/** Runs a seed again, and prints its trace. */
async function showTrace({ seed }: Outcome, simulation: Simulation, terminal: Terminal): Promise<void> {
  const { trace } = await run(drawPlan(seed, simulation), { ...await optionsOf({ seed, simulation }), trace: true });
  if (!terminal.isJson) { for (const line of trace) terminal.print(line); }
}

function cliErrorOf({ failed }: ThreadError, { simulation: { machine } }: Options): CliError {
  const { message, exitCode, lines, stack } = failed;
  if (exitCode !== undefined) return new CliError(message, exitCode, lines);
  const where = machine ? `${machine.path}: the simulation stopped: ` : "the simulation stopped: ";
  return new CliError(where + message, EXIT.no, { looked: stack?.split("\n").slice(1, 4).join("\n  ").trim() });
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

  /** Tells the progress now and then where there is no terminal. */
  isTimeToTell(): boolean {
    if (process.stderr.isTTY || this.seconds < this.#toldAt + TELL_SECONDS) return false;
    this.#toldAt = this.seconds;
    return true;
  }

  progress(): string {
    const { runs, broken, runsPerMinute } = this.numbers;
    const speed = Math.round(runsPerMinute).toLocaleString("en-US");
    return `${runs.toLocaleString("en-US")} ${runs === 1 ? "run" : "runs"}, ${broken} broken, ${speed} a minute`;
  }

  get numbers() {
    const minutes = this.seconds / 60;
    return {
      runs: this.#runs,
      broken: this.#failures,
      runsPerMinute: this.#runs / minutes,
      virtualHours: this.#virtualMs / 3_600_000,
      operations: this.#operations,
      seconds: this.seconds,
    };
  }

  /** What no run exercised. */
  get missing(): readonly string[] {
    return missingFrom(this.#coverage);
  }

  /** The kinds that were exercised, and those that were not. */
  coverage(): string {
    const { virtualHours, operations } = this.numbers;
    const missing = this.missing.map((what) => `NEVER ${what}\n`).join("");
    return `${this.#coverage}\n${missing}${virtualHours.toFixed(1)} virtual hours, ${operations} operations`;
  }
}

/** How often the progress is told where there is no terminal, seconds. */
const TELL_SECONDS = 60;

function optionsFrom(values: Call<typeof FLAGS>["values"], path: string | undefined): Options {
  const { profile, store, "stuck-after": stuckAfter } = values;
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
  const runs = natural("runs", values.runs);
  if (runs === 0) throw usage("--runs: expected at least 1, got 0");
  const minutes = values.minutes === undefined ? Infinity : positive("--minutes", values.minutes);
  return {
    seed: natural("seed", values.seed) ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
    runs: runs ?? (values.trace ? 1 : values.minutes ? Infinity : 100),
    jobs: Math.max(1, natural("jobs", values.jobs) ?? 1),
    minutes,
    trace: values.trace ?? false,
    coverage: values.coverage ?? false,
    keepGoing: values["keep-going"] ?? false,
    isShrinking: !values["no-shrink"] && !values.trace,
    command: import.meta.main ? "deno task simulate" : "pbft simulate",
    simulation: {
      ...(profile !== undefined && { profile: profile as Profile }),
      ...(replicas !== undefined && { replicas }),
      ...(kinds !== undefined && { kinds: kinds as readonly Kind[] }),
      ...(store !== undefined && { store: store as StoreKind }),
      ...(stuckAfter !== undefined && { stuckAfter: positive("--stuck-after", stuckAfter) }),
      ...(path !== undefined && { machine: { path, exportName: values.export } }),
    },
  };
}

function natural(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[0-9]{1,15}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw usage(`--${name}: expected a natural number, got ${JSON.stringify(text)}`);
}

function usage(message: string): CliError {
  return new CliError(`${message} (see --help)`, EXIT.usage);
}

if (import.meta.main) await runCommand(() => runVerb("simulate", verb, process.argv.slice(2), console.log));
