/**
 * `deno task mutants`: plants one small bug after another in a copy of the code and shows which run of the simulator, and which of its
 * checkers, finds it. A mutant that survives is a scenario that the simulator lacks.
 * @module
 */
import { parseArgs } from "node:util";
import { CliError, runCommand } from "../../src/cli/cli_error.ts";
import { Lane } from "./lane.ts";
import { MUTANTS } from "./list/mod.ts";
import type { Mutant } from "./mutant.ts";
import { sampleMutants } from "./sample.ts";
import { trySampled } from "./sampled_runs.ts";
import { schedule, scheduleWith, type Trial, wordsOf } from "./schedule.ts";
import { complaintsOf, HEADING, lineOf, type Tried } from "./verdict.ts";

const HELP = `Plants small bugs in a copy of the code, one at a time, and has the simulator find them.

  deno task mutants [options]

  --only NAME,…  those whose name has one of these in it
  --list         what there is, and why each is a bug
  --seed S       the first seed (1)
  --runs N       runs that each is tried on at most (210)
  --kinds K,…    only the runs of the list in which these kinds of trouble are chosen
  --limit S      seconds that each may take at most (180)
  --lanes N      so many at once (2)
  --sample N     instead of those of the list so many fresh ones, made by rule from the code of core, node, stores and client
  --in FOLDER,…  with --sample: only in these folders or files
  --tests F,…    with --sample: folders of tests that those are tried on which the simulator does not find
  --help         print this

Every mutant is tried on the same runs: seed after seed, each with 4 or 5 replicas (default, byzantine, crashes, network, edge), then with as
many as the seed draws (default, byzantine, calm). The unchanged code must pass all runs that have killed one.`;

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options.help) return tell(HELP);
  if (options.sample > 0) {
    const survivors = await trySampled(sampleMutants(options.sample, options.seed, options.folders), options);
    return survivors > 0 ? 1 : 0;
  }
  const mutants = MUTANTS.filter(({ name }) => options.only.some((part) => name.includes(part)));
  if (mutants.length === 0) {
    throw new CliError(`--only: no mutant has ${options.only.join(" or ")} in its name; --list shows them`, 2);
  }
  if (options.list) {
    return tell(mutants.map(({ name, why, breaks }) => `${name}: ${why} [${breaks.join(", ")}]`).join("\n"));
  }
  const began = performance.now();
  const lanes = await Promise.all(Array.from({ length: options.lanes }, () => Lane.create()));
  try {
    for (const mutant of mutants) await lanes[0]!.edited(mutant);
    console.log(HEADING);
    const tried = await tryAll(lanes, mutants, options);
    const complaints = [...complaintsOf(tried), ...await control(lanes, tried, options.limitMs)];
    console.log([...tried].sort(byPlace(mutants)).map(lineOf).join("\n"));
    for (const complaint of complaints) console.log(`\n${complaint}`);
    const minutes = ((performance.now() - began) / 60_000).toFixed(1);
    console.log(`\n${mutants.length} mutants, ${tried.length - complaintsOf(tried).length} killed, ${minutes} minutes`);
    return complaints.length > 0 ? 1 : 0;
  } finally {
    for (const lane of lanes) await lane.remove();
  }
}

interface Options {
  readonly seed: number;
  readonly sample: number;
  readonly folders: readonly string[] | undefined;
  readonly tests: readonly string[];
  readonly only: readonly string[];
  readonly list: boolean;
  readonly help: boolean;
  readonly trials: readonly Trial[];
  readonly limitMs: number;
  readonly lanes: number;
}

async function tryAll(
  lanes: readonly Lane[],
  mutants: readonly Mutant[],
  { trials, limitMs }: Options,
): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  const left = [...mutants];
  await Promise.all(lanes.map(async (lane) => {
    for (let mutant = left.shift(); mutant; mutant = left.shift()) {
      const one = { mutant, outcome: await lane.try(mutant, trials, limitMs) };
      tried.push(one);
      console.error(lineOf(one));
    }
  }));
  return tried;
}

/** What killed a mutant must not be the run itself. */
async function control(lanes: readonly Lane[], tried: readonly Tried[], limitMs: number): Promise<readonly string[]> {
  const deadly = new Map<string, Trial>();
  for (const { outcome } of tried) {
    if (outcome.kind === "violation") deadly.set(wordsOf(outcome.line.trial), outcome.line.trial);
  }
  const outcomes = await Promise.all(lanes.map((lane, i) => {
    const own = [...deadly.values()].filter((_, j) => j % lanes.length === i);
    return lane.try(null, own, limitMs + own.length * 10_000);
  }));
  const complaints = outcomes.flatMap((outcome) => {
    if (outcome.kind === "none") return [];
    if (outcome.kind !== "violation") return [`the unchanged code: ${outcome.kind}`];
    const { trial, violation } = outcome.line;
    return [`the unchanged code breaks ${violation!.invariant} in ${wordsOf(trial)}: ${violation!.detail}`];
  });
  if (complaints.length === 0) console.error(`the unchanged code passes the ${deadly.size} runs that killed`);
  return complaints;
}

function byPlace(mutants: readonly Mutant[]): (a: Tried, b: Tried) => number {
  return (a, b) => mutants.indexOf(a.mutant) - mutants.indexOf(b.mutant);
}

function tell(text: string): number {
  console.log(text);
  return 0;
}

function parse(args: readonly string[]): Options {
  const values = parseValues(args);
  const seed = natural("seed", values.seed, 1);
  return {
    seed,
    sample: values.sample === undefined ? 0 : natural("sample", values.sample, 1),
    folders: values.in?.split(","),
    tests: values.tests?.split(",") ?? [],
    only: (values.only ?? "").split(","),
    list: values.list ?? false,
    help: values.help ?? false,
    trials: trialsOf(
      values.kinds?.split(","),
      values.sample === undefined ? seed : 1,
      natural("runs", values.runs, 210),
    ),
    limitMs: 1000 * natural("limit", values.limit, 180),
    lanes: natural("lanes", values.lanes, 2),
  };
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: "string" },
        list: { type: "boolean" },
        sample: { type: "string" },
        in: { type: "string" },
        tests: { type: "string" },
        seed: { type: "string" },
        runs: { type: "string" },
        kinds: { type: "string" },
        limit: { type: "string" },
        lanes: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new CliError(`${(error as Error).message.split(/\. |\n/, 1)[0]!}\nTry --help.`, 2);
  }
}

/** The runs of the list, or as many of those in which these kinds are chosen. */
function trialsOf(kinds: readonly string[] | undefined, seed: number, runs: number): readonly Trial[] {
  if (!kinds) return schedule(seed, runs);
  const trials = scheduleWith(kinds, seed, runs);
  if (trials.length > 0) return trials;
  throw new CliError(`--kinds: no run of the list has ${kinds.join(", ")}`, 2);
}

function natural(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new CliError(`--${name}: expected a natural number above 0, got ${JSON.stringify(text)}\nTry --help.`, 2);
}

if (import.meta.main) await runCommand(() => main(Deno.args));
