/**
 * Callers of all kinds that never stop asking, and what they were told.
 * @module
 */
import { type Caller, createCallers, type Way, WAYS } from "./clients.ts";
import type { Fleet } from "./fleet.ts";
import { eventually } from "../tools/eventually.ts";

interface Answered {
  readonly way: Way;
  readonly from: number;
  readonly to: number;
}

/** How long callers waited, ms, by way. */
export interface Waited {
  /** The longest time in which nobody got an answer. */
  readonly pauseMs: Readonly<Record<Way, number>>;
  /** The longest that one caller waited for one answer. */
  readonly longestMs: Readonly<Record<Way, number>>;
}

/** Callers in a closed loop, each with a counter of its own that must go up by one each time. */
export class Load {
  /** What callers were told instead of the right answer. */
  readonly errors: string[] = [];
  /** When and why callers of `/req` had to ask again: a status, or 0 for no answer. */
  readonly retries: { readonly at: number; readonly status: number }[] = [];
  readonly #answered: Answered[] = [];
  readonly #close: (() => void)[] = [];
  readonly #running: Promise<void>;
  readonly #callers: Caller[] = [];
  readonly #last = new Map<Caller, number>();
  readonly #counts = new Map<Caller, number>();
  readonly #thinkMs: number;
  #stopped = false;

  /** So many callers of each way; each waits for `thinkMs` between an answer and its next question. */
  constructor(
    fleet: Pick<Fleet, "cluster"> & { readonly gateways?: () => readonly string[] },
    count: number,
    { thinkMs = 0 }: { readonly thinkMs?: number } = {},
  ) {
    this.#thinkMs = thinkMs;
    for (const way of WAYS) {
      const { callers, close } = createCallers(
        fleet.cluster,
        way,
        count,
        (status) => void this.retries.push({ at: performance.now(), status }),
        fleet.gateways,
      );
      this.#callers.push(...callers);
      this.#close.push(close);
    }
    const run = crypto.randomUUID();
    this.#running = Promise.all(this.#callers.map((caller) => this.#loop(caller, `${run}/${caller.name}`))).then(
      () => {},
    );
  }

  async #loop(caller: Caller, counter: string): Promise<void> {
    for (let n = 1; !this.#stopped; n++) {
      const from = performance.now();
      try {
        const result = await caller.ask(`INCR ${counter}`);
        if (result !== n) this.errors.push(`${counter}: expected ${n}, got ${result}`);
      } catch (error) {
        this.errors.push(`${counter}: ${error}`);
        return;
      }
      const to = performance.now();
      this.#answered.push({ way: caller.way, from, to });
      this.#last.set(caller, from);
      this.#counts.set(caller, n);
      if (this.#thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#thinkMs));
    }
  }

  /** Resolves once every caller has had an answer to what it asked after `at`. */
  async untilAllAnswered(at: number): Promise<void> {
    const isSo = () =>
      Promise.resolve(this.errors.length > 0 || this.#callers.every((c) => (this.#last.get(c) ?? 0) > at));
    await eventually("every caller has an answer", isSo, 30_000);
  }

  /** Resolves once every caller has had so many answers. */
  async untilEachHas(answers: number): Promise<void> {
    const isSo = () =>
      Promise.resolve(this.errors.length > 0 || this.#callers.every((c) => (this.#counts.get(c) ?? 0) >= answers));
    await eventually(`every caller has ${answers} answers`, isSo, 60_000);
  }

  /** How long callers waited from `at` on. */
  around(at: number): Waited {
    const byWay = (measure: (answered: Answered[]) => number) =>
      Object.fromEntries(WAYS.map((way) => [way, measure(this.#answered.filter((a) => a.way === way))])) as Record<
        Way,
        number
      >;
    return {
      pauseMs: byWay((answered) => {
        const ends = answered.map(({ to }) => to).sort((a, b) => a - b);
        return highest(ends.map((to, i) => to > at && i > 0 ? to - ends[i - 1]! : 0));
      }),
      longestMs: byWay((answered) => highest(answered.filter(({ to }) => to > at).map(({ from, to }) => to - from))),
    };
  }

  /** How long each answer took that came between two times, ascending, ms. */
  waits(way: Way, from: number, to: number): Float64Array {
    const inside = this.#answered.filter((a) => a.way === way && a.to > from && a.to <= to);
    return Float64Array.from(inside, (a) => a.to - a.from).sort();
  }

  /** Lets each caller finish what it has begun. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    for (const close of this.#close.splice(0)) close();
  }
}

/** Of any number of values: as arguments of `Math.max` hundreds of thousands are too many. */
function highest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
