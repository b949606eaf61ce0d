/**
 * `deno task rounds`: the same fault again and again on a fleet under load, and after each the time until every replica is in the view of
 * the others.
 * @module
 */
import { parseArgs } from "node:util";
import type { LinkFault } from "../bench/wan/proxy_process.ts";
import { spread } from "../bench/stats.ts";
import { WAYS } from "./clients.ts";
import { type Direction, DIRECTIONS, Fleet, LINK_FAULTS } from "./fleet.ts";
import { eventually } from "../tools/eventually.ts";
import { epochRounds } from "./epoch_rounds.ts";
import type { Illness } from "./ill_replica.ts";
import { Load } from "./load.ts";
import { Random } from "../../src/testing/random.ts";
import { ViewWatch } from "./view_watch.ts";
import { natural } from "../../src/cli/numbers.ts";
import { CliError, runCommand } from "../../src/cli/cli_error.ts";

const HELP =
  `Runs the same fault again and again on replica processes under load. After each it waits until all replicas take part in
one view, and says how long one was outside, whether the view changed, and how long callers waited.

  deno task rounds KIND [options]

  kill         kill -9 of the primary, and an immediate restart
  links        one replica's links: cut one way, stalled, forgotten by the other end, reset, for 0.1 to 5 s
  half-open    what others send to one replica is lost for a minute
  roll         every replica is asked to stop (SIGTERM) and is started again, one after another
  epochs       every member is replaced, one after another, then all keys at once, and the version of the machine
  slow-disks   every commit takes --commit ms at all replicas; a round is half a minute, without another fault

  --rounds R     (20)
  --replicas N   (4)
  --callers C    of each way: bundled, alone and req (2)
  --commit MS    for slow-disks (400)
  --blocks       for slow-disks: the thread stands still meanwhile
  --seed S       which links, how long (random)
  --trace        print what the replicas said in a round that took longer than 2 s
  --help         print this`;

/** The kinds of rounds. */
const KINDS = ["kill", "links", "half-open", "roll", "slow-disks"] as const;
const CHANGES = "epochs";
type Kind = typeof KINDS[number];

const THINK_MS = 10;
const BETWEEN_MS = 300;
/** Each caller has so many answers before the first fault: what a process does for the first time takes longer. */
const WARM_UP = 50;
const LINK_MS = { min: 100, max: 5_000 };
const HALF_OPEN_MS = 60_000;
const SLOW_MS = 30_000;
const WHOLE_TIMEOUT_MS = 60_000;
/** A replica may be outside the view of the others for so long after its fault. */
const OUTSIDE_MS = 2_000;

/** A fault that is over. */
interface Fault {
  readonly words: string;
  /** When it was over, on this process's monotonic clock. */
  readonly endedAt: number;
  /** Whether the primary was at fault, so that the view may change. */
  readonly isOfPrimary: boolean;
}

/** What one round came to. */
interface Round {
  readonly fault: Fault;
  readonly views: number;
  readonly outsideMs: number;
  /** The longest time in which nobody got an answer, ms. */
  readonly pauseMs: number;
  readonly longestMs: number;
  /** The longest that a caller of each way waited. */
  readonly waits: string;
}

class Rounds {
  readonly #fleet: Fleet;
  readonly #watch: ViewWatch;
  readonly #random: Random;

  constructor(fleet: Fleet, watch: ViewWatch, random: Random) {
    this.#fleet = fleet;
    this.#watch = watch;
    this.#random = random;
  }

  async run(kind: Kind, load: Load): Promise<Round> {
    const watch = this.#watch;
    await eventually("all replicas take part in one view", () => Promise.resolve(watch.isWhole), WHOLE_TIMEOUT_MS);
    watch.clear();
    const [view, at] = [watch.view, performance.now()];
    const fault = await this.#strike(kind);
    await load.untilAllAnswered(fault.endedAt);
    await eventually("all replicas take part in one view", () => Promise.resolve(watch.isWhole), WHOLE_TIMEOUT_MS);
    // A replica counts as faulty until it has caught up: with the next one it would be more than f.
    for (const name of this.#fleet.names) await this.#fleet.untilLevel(name);
    await sleep(BETWEEN_MS);
    const outside = this.#fleet.names.map((name) => watch.outsideMs(name, fault.endedAt));
    const { pauseMs, longestMs } = load.around(at);
    return {
      fault,
      views: watch.view - view,
      outsideMs: Math.max(...outside),
      pauseMs: Math.max(...WAYS.map((way) => pauseMs[way])),
      longestMs: Math.max(...WAYS.map((way) => longestMs[way])),
      waits: WAYS.map((way) => `${way} ${longestMs[way].toFixed(0)}`).join(", "),
    };
  }

  async #strike(kind: Kind): Promise<Fault> {
    switch (kind) {
      case "kill":
        return await this.#kill();
      case "links":
        return await this.#cutLinks(this.#random.pick(this.#fleet.names));
      case "half-open":
        return await this.#halfOpen(
          this.#random.pick(this.#fleet.names.filter((name) => name !== this.#watch.primary)),
        );
      case "roll":
        return await this.#roll();
      case "slow-disks":
        await sleep(SLOW_MS);
        return { words: "slow disks", endedAt: performance.now(), isOfPrimary: false };
    }
  }

  async #kill(): Promise<Fault> {
    const primary = this.#watch.primary;
    await this.#fleet.kill(primary);
    this.#fleet.start(primary);
    await this.#fleet.untilReady(primary);
    return { words: `${primary} killed`, endedAt: performance.now(), isOfPrimary: true };
  }

  async #roll(): Promise<Fault> {
    for (const name of this.#fleet.names) {
      await this.#fleet.shutDown(name);
      this.#fleet.start(name);
      await this.#fleet.untilReady(name);
      await this.#fleet.untilLevel(name);
    }
    return { words: "all stopped and started", endedAt: performance.now(), isOfPrimary: true };
  }

  async #cutLinks(victim: string): Promise<Fault> {
    const random = this.#random;
    const [direction, fault] = [random.pick(DIRECTIONS), random.pick(LINK_FAULTS)];
    const ms = Math.round(random.between(LINK_MS.min, LINK_MS.max));
    const isOfPrimary = victim === this.#watch.primary;
    await this.#fault(victim, direction, fault, ms);
    const words = `${victim}${isOfPrimary ? " (primary)" : ""}: ${fault} ${direction} for ${ms} ms`;
    return { words, endedAt: performance.now(), isOfPrimary };
  }

  async #halfOpen(victim: string): Promise<Fault> {
    await this.#fault(victim, "in", "swallow", HALF_OPEN_MS);
    return { words: `${victim} hears nothing for a minute`, endedAt: performance.now(), isOfPrimary: false };
  }

  async #fault(victim: string, direction: Direction, fault: LinkFault, ms: number): Promise<void> {
    await this.#fleet.cut(victim, direction, fault);
    await sleep(ms);
    await this.#fleet.mend(victim);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether a round is as it must be. */
function isWell({ fault, views, outsideMs }: Round): boolean {
  return outsideMs <= OUTSIDE_MS && (fault.isOfPrimary || views === 0);
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "20" },
      replicas: { type: "string", default: "4" },
      callers: { type: "string", default: "2" },
      commit: { type: "string", default: "400" },
      blocks: { type: "boolean", default: false },
      seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
      trace: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const kind = [...KINDS, CHANGES].find((known) => known === positionals[0]) as Kind | typeof CHANGES | undefined;
  if (!kind) {
    throw new CliError(`KIND: expected ${[...KINDS, CHANGES].join(", ")}, got ${positionals[0] ?? "nothing"}`, 2);
  }
  const replicas = natural("--replicas", values.replicas, { min: 4, max: 26 });
  const count = natural("--rounds", values.rounds, { min: 1 });
  const callers = natural("--callers", values.callers, { min: 1 });
  const seed = natural("--seed", values.seed, { max: 2 ** 32 - 1 });
  if (kind === CHANGES) return await epochRounds({ rounds: count, callers, hasTrace: values.trace });
  const slow: Illness = { commitMs: natural("--commit", values.commit, { min: 1 }), blocks: values.blocks };
  const illnesses = kind === "slow-disks" ? Array.from({ length: replicas }, () => slow) : [];
  const fleet = await Fleet.start(replicas, { hasLinks: kind === "links" || kind === "half-open", illnesses });
  const watch = new ViewWatch(fleet);
  const load = new Load(fleet, callers, { thinkMs: THINK_MS });
  const rounds: Round[] = [];
  try {
    const runner = new Rounds(fleet, watch, new Random(seed));
    await load.untilEachHas(WARM_UP);
    for (let i = 0; i < count; i++) {
      const from = performance.now();
      const round = await runner.run(kind, load);
      rounds.push(round);
      const mark = isWell(round) ? "" : " NOT WELL";
      console.log(
        `${String(i + 1).padStart(4)} ${round.fault.words}: outside ${
          round.outsideMs.toFixed(0)
        } ms, views +${round.views}, ` +
          `pause ${round.pauseMs.toFixed(0)} ms, longest waits ${round.waits} ms${mark}`,
      );
      if (mark && values.trace) {
        for (const line of fleet.lines.filter(({ at }) => at >= from)) {
          console.log(`  ${(line.at - from).toFixed(0).padStart(6)} ${line.text}`);
        }
      }
    }
  } finally {
    await watch.stop();
    await load.stop();
    await fleet.stop();
  }
  for (const error of load.errors) console.log(`error: ${error}`);
  const figures = (["outsideMs", "pauseMs", "longestMs"] as const).map((figure) => {
    const { median, max } = spread(rounds.map((round) => round[figure]));
    return `${figure} ${median.toFixed(0)} / ${max.toFixed(0)}`;
  });
  const unwell = rounds.filter((round) => !isWell(round)).length;
  console.log(
    `seed ${seed}: ${rounds.length} rounds, ${unwell} not well, ${load.errors.length} errors; views ${
      rounds.reduce((sum, { views }) => sum + views, 0)
    }; median / max: ${figures.join(", ")}`,
  );
  return unwell === 0 && load.errors.length === 0 ? 0 : 1;
}

if (import.meta.main) await runCommand(() => main(Deno.args));
