/**
 * Virtual time: events run one after another. Nothing ever waits for the real clock.
 * @module
 */
import { EventQueue } from "./event_queue.ts";

/**
 * Turns of the microtask queue that promises get to settle between two events. Code that takes longer goes on after the
 * next event, as on a slow machine. It is always the same event, as only microtasks and these events run.
 */
const TURNS = 5;
/** With no event left, so many turns show that nothing more comes. */
const LAST_TURNS = 200;

/** After so many events at one moment time stands still. */
const MOST_AT_ONCE = 100_000;

/** The clock and the queue of one simulation. */
export class Engine {
  readonly #queue = new EventQueue();
  #now = 0;
  #events = 0;
  /** Turns after each event. */
  readonly #turns: number;
  /** Events at this moment. */
  #atOnce = 0;
  /** Promises that must settle before time goes on. */
  readonly #held: Promise<() => void>[] = [];

  constructor(turns: number = TURNS) {
    this.#turns = turns;
  }

  /** Virtual milliseconds since the start, with fractions. */
  get now(): number {
    return this.#now;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Whether something wakes itself again and again, so that time does not go on. */
  get isStuck(): boolean {
    return this.#atOnce > MOST_AT_ONCE;
  }

  /** Runs `run` after so many virtual ms. Of events that are due together, the one that was set first runs first. */
  after(ms: number, run: () => void): void {
    this.#queue.push(this.#now + Math.max(0, ms), run);
  }

  /** As {@linkcode Engine.after}; returns a function that cancels it. */
  alarm(ms: number, run: () => void): () => void {
    const event = this.#queue.push(this.#now + Math.max(0, ms), run);
    return () => this.#queue.cancel(event);
  }

  /** Time stands still until `promise` has settled, however long that really takes, and `ended` has been told. */
  hold<T>(promise: Promise<T>, ended: (outcome: PromiseSettledResult<T>) => void): void {
    this.#held.push(
      promise.then(
        (value) => () => ended({ status: "fulfilled", value }),
        (reason) => () => ended({ status: "rejected", reason }),
      ),
    );
  }

  /** Runs all events that are due until then, until `isDone`, or until it {@linkcode isStuck}. */
  async run(until: number, isDone: () => boolean): Promise<void> {
    for (;;) {
      while (this.#held.length > 0) (await this.#held.shift()!)();
      if (isDone() || this.isStuck) return;
      const at = this.#queue.nextAt;
      if (at === Infinity) {
        for (let turn = 0; turn < LAST_TURNS; turn++) await null;
        if (this.#queue.nextAt === Infinity) break;
        continue;
      }
      if (at > until) break;
      this.#atOnce = at === this.#now ? this.#atOnce + 1 : 0;
      this.#now = at;
      this.#events++;
      this.#queue.take()();
      while (this.#held.length > 0) (await this.#held.shift()!)();
      for (let turn = 0; turn < this.#turns; turn++) await null;
    }
    if (this.#now < until) this.#now = until;
  }
}
