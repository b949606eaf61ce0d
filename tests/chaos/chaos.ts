/**
 * `deno task chaos`: real processes, clients of all kinds, and at any time up to f replicas that are killed, stopped for a
 * while, or gone.
 * @module
 */
import { parseArgs } from "node:util";
import { type Caller, createCallers, type Way, WAYS } from "./clients.ts";
import { DIRECTIONS, Fleet, LINK_FAULTS } from "./fleet.ts";
import { eventually } from "../tools/eventually.ts";
import { Random } from "../../src/testing/random.ts";
import { Watch } from "./watch.ts";
import { Workload } from "./workload.ts";
import { natural, positive } from "../../src/cli/numbers.ts";
import { runCommand } from "../../src/cli/cli_error.ts";

const HELP =
  `Kills, stops and restarts replica processes at random, under load, and deletes what they stored; then heals, and
checks that nothing was lost, forked, or run twice, and that no client was told an error.

  deno task chaos [options]

  --minutes M     how long (5)
  --seed S        which faults, in which order (random)
  --replicas N    how many (4)
  --callers C     of each way: bundled, alone and req (4)
  --keep-disks    delete no replica's database
  --ill           also: every clock is wrong, each by up to two hours; commits take up to 400 ms, at another replica after each start;
                  links are cut one way, stall, or are forgotten by one end
  --help          print this`;

/** What a run is told. */
export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly replicas: number;
  readonly callers: number;
  /** How long a caller waits between an answer and what it asks next (0). */
  readonly thinkMs?: number;
  readonly loseDisks: boolean;
  /** Clocks are wrong, disks slow, links faulty. */
  readonly isIll?: boolean;
  readonly say: (line: string) => void;
}

/** What a run came to. */
export interface ChaosReport {
  /** What must not be; empty if all is well. */
  readonly violations: readonly string[];
  readonly operations: number;
  readonly faults: Readonly<Record<Fault, number>>;
  readonly views: number;
  /** The longest that any caller waited for an answer, by way. */
  readonly longestMs: Readonly<Record<Way, number>>;
  readonly summary: string;
}

/** What may happen to one replica. `reboot`: it is asked to stop, and started again. `link`: to all of its links to the others. */
export type Fault = "kill" | "pause" | "reboot" | "lose-disk" | "link";

/** How long a faulty replica is left alone, and how long the cluster is whole between faults, ms. */
const FAULTY_MS = { min: 100, max: 8_000 };
const WHOLE_MS = { min: 0, max: 3_000 };
/** How wrong a clock is, and how slow a commit, of hosts that are ill, ms. */
const CLOCK_MS = 2 * 60 * 60 * 1000;
const COMMIT_MS = { min: 10, max: 400 };
/** Numbers between checkpoints; at the end every replica is to take one more, so that state roots can be compared. */
const SETTLE_TIMEOUT_MS = 60_000;

/** Runs it. */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const random = new Random(options.seed);
  const clocks = Array.from({ length: options.replicas }, () => Math.round(random.between(-CLOCK_MS, CLOCK_MS)));
  const illnesses = clocks.map((clockMs) => ({ clockMs }));
  const fleet = await Fleet.start(options.replicas, options.isIll ? { hasLinks: true, illnesses } : {});
  const watch = new Watch(fleet);
  const waits = new Waits();
  const groups = WAYS.map((way) => createCallers(fleet.cluster, way, options.callers));
  const callers = groups.flatMap(({ callers }) => callers.map((caller) => waits.around(caller)));
  const workload = new Workload(callers, random);
  const trouble = new Trouble(fleet, random, clocks, options);
  const violations = () => [...workload.violations, ...watch.violations];
  try {
    const end = performance.now() + options.seconds * 1000;
    let healed = false;
    const working = workload.run(() => healed || watch.violations.length > 0, options.thinkMs);
    try {
      await trouble.make(() => performance.now() > end || violations().length > 0);
    } catch (error) {
      workload.violations.push(`${(error as Error).message}`);
    }
    options.say("healing");
    await settle(fleet, workload, violations);
    healed = true;
    await working;
    await watch.stop();
    if (violations().length === 0) {
      await workload.check(callers.at(-1)!);
      await compareStates(fleet, watch);
    }
    const views = Math.max(
      ...(await Promise.all(fleet.names.map((name) => fleet.status(name)))).map((r) => r?.viewID ?? 0),
    );
    const summary = `${workload.operations} operations on ${workload.registers} registers and counters, ` +
      `${Object.entries(trouble.count).map(([fault, n]) => `${n} ${fault}`).join(", ")}; view ${views}; ` +
      `${watch.compared} histories compared; longest waits, ms: ${waits.summary}`;
    if (violations().length > 0) { for (const { text } of fleet.lines.slice(-60)) options.say(text); }
    const { operations } = workload;
    return {
      violations: violations(),
      operations,
      faults: trouble.count,
      views,
      longestMs: waits.longestMs,
      summary,
    };
  } finally {
    await watch.stop();
    for (const { close } of groups) close();
    await fleet.stop();
  }
}

/** Faults, one after another, of up to f replicas at once. */
class Trouble {
  readonly count: Record<Fault, number> = { kill: 0, pause: 0, reboot: 0, "lose-disk": 0, link: 0 };
  readonly #faulty = new Set<string>();

  constructor(
    readonly fleet: Fleet,
    readonly random: Random,
    readonly clocks: readonly number[],
    readonly options: ChaosOptions,
  ) {}

  /** Until `isOver`; then every replica runs again. */
  async make(isOver: () => boolean): Promise<void> {
    await Promise.all(Array.from({ length: this.fleet.f }, async () => {
      while (!isOver()) {
        await sleep(this.random.between(WHOLE_MS.min, WHOLE_MS.max), isOver);
        if (isOver()) return;
        const victim = await this.#choose();
        this.#faulty.add(victim);
        await this.#strike(victim, isOver);
        this.#faulty.delete(victim);
      }
    }));
  }

  /** The primary half of the time. */
  async #choose(): Promise<string> {
    const primary = await this.fleet.primary();
    if (this.random.int(0, 1) === 0 && !this.#faulty.has(primary)) return primary;
    return this.random.pick(this.fleet.names.filter((name) => !this.#faulty.has(name)));
  }

  async #strike(victim: string, isOver: () => boolean): Promise<void> {
    const { fleet, random, options } = this;
    const faults: Fault[] = ["kill", "pause", "reboot"];
    if (options.loseDisks) faults.push("lose-disk");
    if (options.isIll) faults.push("link");
    const fault = random.pick(faults);
    const forMs = random.between(FAULTY_MS.min, FAULTY_MS.max);
    options.say(`${fault} ${victim} for ${(forMs / 1000).toFixed(1)} s`);
    this.count[fault]++;
    if (fault === "pause") {
      fleet.pause(victim);
      await sleep(forMs, isOver);
      fleet.resume(victim);
    } else if (fault === "link") {
      const [direction, kind] = [random.pick(DIRECTIONS), random.pick(LINK_FAULTS)];
      options.say(`  ${direction}: ${kind}`);
      await fleet.cut(victim, direction, kind);
      await sleep(forMs, isOver);
      await fleet.mend(victim);
    } else {
      await (fault === "reboot" ? fleet.shutDown(victim) : fleet.kill(victim));
      if (fault === "lose-disk") fleet.loseDisk(victim);
      await sleep(forMs, isOver);
      if (options.isIll) this.#infect(victim);
      fleet.start(victim);
      await fleet.untilReady(victim);
    }
    // It counts as faulty until it has caught up: a quorum of the others may need what only they know.
    const lastExecuted = await fleet.executed();
    const isBack = async () => {
      const report = await fleet.status(victim);
      return report !== null && !report.recovering && report.lastExecuted >= lastExecuted;
    };
    await eventually(`${victim} votes and has executed ${lastExecuted}`, isBack, SETTLE_TIMEOUT_MS);
  }

  /** Its clock stays as wrong as it was; its disk is slow one time in two. */
  #infect(victim: string): void {
    const { random, fleet } = this;
    const isSlow = random.int(0, 1) === 0;
    const commitMs = isSlow ? Math.round(random.between(COMMIT_MS.min, COMMIT_MS.max)) : 0;
    const blocks = random.int(0, 1) === 0;
    if (isSlow) this.options.say(`  ${victim}: ${commitMs} ms a commit${blocks ? ", and stands still meanwhile" : ""}`);
    fleet.set(victim, { clockMs: this.clocks[fleet.names.indexOf(victim)]!, commitMs, blocks });
  }
}

/** Waits, under load, until all replicas have a stable checkpoint of the time after the last fault. */
async function settle(fleet: Fleet, workload: Workload, violations: () => readonly string[]): Promise<void> {
  const after = await fleet.executed();
  const isSettled = async () => {
    if (violations().length > 0) return true;
    const now = await Promise.all(fleet.names.map((name) => fleet.status(name)));
    return now.every((report) => report && report.lowWatermark >= after);
  };
  const before = workload.operations;
  try {
    await eventually(`every replica has a stable checkpoint above ${after}`, isSettled, SETTLE_TIMEOUT_MS);
  } catch (error) {
    workload.violations.push(`${(error as Error).message} (${workload.operations - before} operations meanwhile)`);
  }
}

/** With nothing under way all must come to the same number, history and state root. */
async function compareStates(fleet: Fleet, watch: Watch): Promise<void> {
  let reports: string[] = [];
  const isSame = async () => {
    const all = await Promise.all(fleet.names.map((name) => fleet.status(name)));
    reports = all.map((r) => r ? `${r.lastExecuted} ${r.history} ${r.lowWatermark} ${r.stateRoot}` : "no answer");
    return new Set(reports).size === 1;
  };
  try {
    await eventually("all replicas are at the same state", isSame, SETTLE_TIMEOUT_MS);
  } catch (error) {
    watch.violations.push(`${(error as Error).message}:\n  ${reports.join("\n  ")}`);
  }
}

/** How long callers wait. */
class Waits {
  readonly longestMs: Record<Way, number> = { bundled: 0, alone: 0, req: 0 };

  get summary(): string {
    return WAYS.map((way) => `${way} ${this.longestMs[way].toFixed(0)}`).join(", ");
  }

  around(caller: Caller): Caller {
    return {
      ...caller,
      ask: async (operation) => {
        const from = performance.now();
        try {
          return await caller.ask(operation);
        } finally {
          this.longestMs[caller.way] = Math.max(this.longestMs[caller.way], performance.now() - from);
        }
      },
    };
  }
}

async function sleep(ms: number, isOver: () => boolean): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end && !isOver();) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(50, end - performance.now()))));
  }
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
      replicas: { type: "string", default: "4" },
      callers: { type: "string", default: "4" },
      "keep-disks": { type: "boolean", default: false },
      ill: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const began = performance.now();
  const { violations, summary } = await chaos({
    seconds: positive("--minutes", values.minutes) * 60,
    seed: natural("--seed", values.seed, { max: 2 ** 32 - 1 }),
    replicas: natural("--replicas", values.replicas, { min: 4, max: 26 }),
    callers: natural("--callers", values.callers, { min: 1 }),
    loseDisks: !values["keep-disks"],
    isIll: values.ill,
    say: (line) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} ${line}`),
  });
  console.log(`seed ${values.seed}: ${summary}`);
  for (const violation of violations) console.error(`VIOLATION ${violation}`);
  return violations.length === 0 ? 0 : 1;
}

if (import.meta.main) await runCommand(() => main(Deno.args));
