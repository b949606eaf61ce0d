/**
 * `deno task attack`: strangers without a key do all that they can at once, for minutes, beside callers who must not notice.
 * @module
 */
import { parseArgs } from "node:util";
import { runCommand } from "../../src/cli/cli_error.ts";
import { natural, positive } from "../../src/cli/numbers.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { linesOf } from "../tools/lines.ts";
import { Fleet } from "../chaos/fleet.ts";
import { Load } from "../chaos/load.ts";
import { ATTACKS } from "./kinds.ts";
import { Gauges } from "./gauges.ts";
import { type Outcome, reportOf, verdictOf } from "./report.ts";
import type { Done, Order } from "./strangers.ts";

const HELP = `Strangers attack four replica processes in all ways at once, from a process of their own, beside callers.
Fails if a caller is told an error, a view changes, a replica's memory grows by more than 150 MB, or the slowest answers take
twice as long as before.

  deno task attack [options]

  --minutes M      how long (15); a fifth of that goes by without an attack first
  --callers C      of each way: bundled, alone and req (17)
  --think MS       between an answer and the next question (100)
  --rate BYTES     per second, of all attackers together (1000000)
  --idle N         idle connections to each replica (300)
  --same-address   attackers have the callers' address, not one each
  --each S         each kind by itself for S seconds instead of all at once, to see which costs what
  --only KINDS     some of: ${Object.keys(ATTACKS).join("; ")}
  --p99 FACTOR     how much longer the slowest answers may take (2)
  --help           print this`;

/** What an attack is. */
export interface AttackOptions {
  readonly quietSeconds: number;
  readonly seconds: number;
  /** Of each way. */
  readonly callers: number;
  readonly thinkMs: number;
  readonly kinds: readonly string[];
  readonly bytesPerSecond: number;
  readonly idle: number;
  readonly isSameAddress: boolean;
}

const WARM_UP_MS = 5_000;
const STRANGERS = new URL("./strangers.ts", import.meta.url).pathname;

/** Runs one, on a fleet of its own. */
export async function attack(options: AttackOptions, say: (line: string) => void = () => {}): Promise<Outcome> {
  const fleet = await Fleet.start(4);
  const load = new Load(fleet, options.callers, { thinkMs: options.thinkMs });
  try {
    await pause(WARM_UP_MS);
    const { quietSeconds, seconds, kinds } = options;
    say(
      `${quietSeconds.toFixed(0)} s without an attack, then ${seconds.toFixed(0)} s with ${kinds.length} kinds at once`,
    );
    const outcome = await attackOnce(fleet, load, options);
    await load.untilAllAnswered(performance.now());
    await load.stop();
    return { ...outcome, errors: load.errors };
  } finally {
    await load.stop();
    await fleet.stop();
  }
}

/** One kind after another, with a pause before each, on one fleet. */
export async function attackOneByOne(options: AttackOptions, say: (line: string) => void): Promise<readonly Outcome[]> {
  const fleet = await Fleet.start(4);
  const load = new Load(fleet, options.callers, { thinkMs: options.thinkMs });
  const outcomes: Outcome[] = [];
  try {
    await pause(WARM_UP_MS);
    for (const kind of options.kinds) {
      say(kind);
      outcomes.push(await attackOnce(fleet, load, { ...options, kinds: [kind] }));
    }
    return outcomes;
  } finally {
    await load.stop();
    await fleet.stop();
  }
}

async function attackOnce(fleet: Fleet, load: Load, options: AttackOptions): Promise<Outcome> {
  const known = load.errors.length;
  const quiet = await measured(fleet, load, () => pause(options.quietSeconds * 1000));
  const strangers = await Strangers.start(fleet, options);
  const attacked = await measured(fleet, load, () => pause(options.seconds * 1000), strangers.pid);
  const done = await strangers.stop();
  return { quiet, attacked, done, errors: load.errors.slice(known) };
}

/** What replicas and callers do while something goes on. */
async function measured(fleet: Fleet, load: Load, during: () => Promise<void>, strangers?: number) {
  const gauges = new Gauges(fleet, strangers);
  await during();
  return gauges.stop(load);
}

/** The process of the attackers. */
class Strangers {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = linesOf(child.stdout)[Symbol.asyncIterator]();
  }

  /** Resolves once they attack: to start a process costs more than some attacks. */
  static async start({ cluster }: Fleet, options: AttackOptions): Promise<Strangers> {
    const { kinds, bytesPerSecond, idle, isSameAddress } = options;
    const { genesis, urls } = cluster;
    const of = clusterId(genesis);
    const order: Order = { urls: Object.values(urls), cluster: of, kinds, bytesPerSecond, idle, isSameAddress };
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", STRANGERS, JSON.stringify(order)],
      stdin: "piped", // ends with this process
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const strangers = new Strangers(child);
    await strangers.#lines.next();
    return strangers;
  }

  get pid(): number {
    return this.#child.pid;
  }

  async stop(): Promise<readonly Done[]> {
    await this.#child.stdin.close();
    const { done, value } = await this.#lines.next();
    await this.#child.status;
    if (done) throw new Error("the process of the attackers has ended");
    return JSON.parse(value);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "15" },
      callers: { type: "string", default: "17" },
      think: { type: "string", default: "100" },
      rate: { type: "string", default: "1000000" },
      idle: { type: "string", default: "300" },
      "same-address": { type: "boolean", default: false },
      each: { type: "string" },
      only: { type: "string", default: Object.keys(ATTACKS).join(";") },
      p99: { type: "string", default: "2" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const seconds = 60 * positive("--minutes", values.minutes);
  const kinds = values.only.split(";").map((kind) => kind.trim());
  for (const kind of kinds) if (!Object.hasOwn(ATTACKS, kind)) throw new RangeError(`--only: no attack "${kind}"`);
  const options = {
    quietSeconds: Math.max(10, seconds / 5),
    seconds,
    callers: natural("--callers", values.callers, { min: 1 }),
    thinkMs: natural("--think", values.think),
    kinds,
    bytesPerSecond: natural("--rate", values.rate, { min: 1 }),
    idle: natural("--idle", values.idle, { min: 1 }),
    isSameAddress: values["same-address"],
  };
  const rules = { p99Factor: positive("--p99", values.p99) };
  if (values.each === undefined) return judge(await attack(options, console.log), rules);
  const each = positive("--each", values.each);
  const outcomes = await attackOneByOne({ ...options, quietSeconds: each, seconds: each }, console.log);
  return Math.max(...outcomes.map((outcome) => judge(outcome, rules)));
}

/** Prints the figures and the verdict. */
function judge(outcome: Outcome, rules: Parameters<typeof verdictOf>[1]): number {
  console.log(reportOf(outcome));
  const faults = verdictOf(outcome, rules);
  console.log(faults.length === 0 ? "PASSED: the callers did not notice" : "FAILED");
  for (const fault of faults) console.log(`  ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

if (import.meta.main) await runCommand(() => main(Deno.args));
