/**
 * A caller that watches the state, or the batches, with the client library. It reads slowly or fast, and now and then leaves and goes on with another
 * watch where it was.
 * @module
 */
import { Client } from "../../../client/client.ts";
import type { AnyEvent, Watch } from "../../../client/watch/events.ts";
import { weakQuorum } from "../../../core/messages/quorum.ts";
import type { Watched } from "../../../wire/mod.ts";
import { ThinkTime } from "../../clients/think_time.ts";
import type { Random } from "../../random.ts";
import { SimulatedTimer } from "../../world/clock.ts";
import type { World } from "../../world/world.ts";
import type { Caller } from "../parts.ts";
import { type Changes, wordsOfBatch, wordsOfChange } from "./changes.ts";

/** What such a caller is made from. */
export interface WatchCallerOptions {
  readonly world: World;
  readonly name: string;
  readonly random: Random;
  readonly fetch: typeof globalThis.fetch;
  readonly watched: Watched;
  /** What has really changed. */
  readonly changes: Changes;
  /** Whether f + 1 correct replicas keep these numbers for those who watch. */
  readonly isKept: (from: number, through: number) => boolean;
  /** The highest number of a result that anybody has been given. */
  readonly known: () => number;
}

/** The part of the events after which it leaves, and comes back. */
const LEAVES = 0.05;
/** The part of these times at which it goes on from the present, and not from where it was. */
const FORGETS = 0.15;
/** How long it takes for an event, ms; the slow ones fall behind what replicas keep. */
const TAKES_MS = [0, 0, 50, 1_500];
/** How long it stays away, ms. */
const AWAY_MS = 1_000;

/** A program that watches. */
export class WatchCaller implements Caller {
  readonly #options: WatchCallerOptions;
  readonly #client: Client;
  readonly #thinkTime: ThinkTime;
  readonly #takesMs: number;
  readonly #awayTime: ThinkTime;
  /** The first number that it has not been told, and the events of it that it has been told; `null`: it has not begun. */
  #next: number | null = null;
  #told = 0;
  #isHurried = false;
  #isOver = false;

  constructor(options: WatchCallerOptions) {
    const { world: { engine, genesis, epoch }, random, fetch } = options;
    this.#options = options;
    this.#takesMs = random.pick(TAKES_MS);
    this.#thinkTime = new ThinkTime(engine, random, this.#takesMs);
    this.#awayTime = new ThinkTime(engine, random, AWAY_MS);
    const numbers = random.fork();
    this.#client = new Client({
      cluster: { genesis, urls: epoch.urls },
      fetch,
      timer: new SimulatedTimer(engine, { skewMs: 0, alarmMs: 0 }),
      random: () => 1 + numbers.int(0, 2 ** 31 - 1),
    });
  }

  /** Whether it has been told all that was executed. */
  get isDone(): boolean {
    return this.#next !== null && this.#options.changes.next(this.#options.watched, this.#next, this.#told) === null;
  }

  start(): void {
    void this.#run();
  }

  hurry(): void {
    this.#isHurried = true;
    this.#thinkTime.hurry();
    this.#awayTime.hurry();
  }

  /** It leaves for good. */
  end(): void {
    this.#isOver = true;
    this.#client.close();
  }

  /** One watch after another. */
  async #run(): Promise<void> {
    const { world: { coverage, report }, name, random, watched, known } = this.#options;
    for (let from: number | null = null; !this.#isOver;) {
      const least = known();
      const settings = from === null ? {} : { from };
      const watch: Watch<AnyEvent> = "batches" in watched
        ? this.#client.watch(watched, settings)
        : this.#client.watch(watched, settings);
      coverage.count("http watch", from === null ? "from now on" : "from where it was");
      const begun = await watch.begun.catch(() => null);
      if (begun === null) return;
      if (from === null && begun <= least) {
        report("answers", `${name} watches from ${begun} on, and somebody had a result of ${least} before`);
      }
      if (from !== null && begun !== from) {
        report("answers", `${name} asked for ${from}, and its watch begins at ${begun}`);
      }
      [this.#next, this.#told] = [begun, 0];
      for await (const event of watch) {
        this.#take(event);
        if (this.#takesMs > 0) await new Promise<void>((resolve) => this.#thinkTime.before(resolve));
        if (!this.#isHurried && random.chance(LEAVES)) break;
      }
      if (this.#isOver) return;
      this.#checkPlace(watch.resumeAt);
      from = random.chance(FORGETS) ? null : watch.resumeAt;
      await new Promise<void>((resolve) => this.#awayTime.before(resolve));
    }
  }

  /** Whoever goes on there gets what is left, and nothing that was complete again. */
  #checkPlace(resumeAt: number | null): void {
    const { name, watched, changes, world: { report } } = this.#options;
    const [next, told] = [this.#next!, this.#told];
    const left = resumeAt === null ? null : changes.next(watched, next, told);
    if (resumeAt === null || resumeAt < next || (left !== null && left.sequence < resumeAt)) {
      report("answers", `${name} may go on at ${resumeAt}, and has been told all before ${next}, and ${told} of that`);
    }
  }

  /** Each change once, in order. */
  #take(event: AnyEvent): void {
    const { name, watched, changes, isKept, world: { coverage, report } } = this.#options;
    coverage.count("http watch", event.kind);
    const next = this.#next!;
    if (event.kind === "missed") {
      const { from, through } = event;
      if (this.#told > 0 || from > through || from < next || this.#skips(from)) {
        report(
          "answers",
          `${name} is told that it has missed ${from} to ${through}, and has been told all before ${next}`,
        );
      }
      if (isKept(from, through)) {
        report(
          "answers",
          `${name} is told that it has missed ${from} to ${through}, which f + 1 correct replicas keep`,
        );
      }
      [this.#next, this.#told] = [through + 1, 0];
      return;
    }
    const expected = changes.next(watched, next, this.#told);
    const { sequence } = event;
    const said = event.kind === "batch" ? wordsOfBatch(sequence, event.requests) : wordsOfChange(sequence, event);
    // What all who executed it have taken with them, nobody can compare.
    if (sequence > changes.through) return void ([this.#next, this.#told] = [sequence, 0]);
    if (expected?.text !== said) {
      return report("answers", `${name} is told ${said}; what comes next is ${expected?.text ?? "nothing"}`);
    }
    if (new Set(event.signedBy).size < weakQuorum(this.#options.world.genesis.replicas.length)) {
      report("answers", `${name} is told ${said} by ${event.signedBy.length} replicas`);
    }
    if (expected.isLast) [this.#next, this.#told] = [event.sequence + 1, 0];
    else [this.#next, this.#told] = [event.sequence, this.#told + 1];
  }

  /** Whether there is something before this number that it was not told. */
  #skips(from: number): boolean {
    const left = this.#options.changes.next(this.#options.watched, this.#next!, this.#told);
    return left !== null && left.sequence < from;
  }
}
