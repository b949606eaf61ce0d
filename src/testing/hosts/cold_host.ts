/**
 * A serverless host. It starts its replica for each request, and stops it once the answer and the outgoing messages
 * have left, or even before. A tick wakes it at intervals, as a cron job or a durable alarm does.
 * @module
 */
import type { ReplicaNode } from "../../node/node.ts";
import type { Engine } from "../world/engine.ts";
import type { Random } from "../random.ts";

/** The parts of a cold host. */
export interface ColdHostOptions {
  readonly engine: Engine;
  readonly random: Random;
  /** Interval of the ticks, ms. */
  readonly wakeMs: number;
  /** Starts the replica. */
  readonly start: () => void;
  /** Stops the replica, whatever it is doing. */
  readonly stop: () => void;
}

/** How long the replica stays up after a tick, so that due alarms can fire, ms. */
const TICK_MS = 30;
/** How long its messages may take after the answer, ms. */
const SENDING_MS = 300;

/** The host of one machine. */
export class ColdHost {
  readonly #options: ColdHostOptions;
  /** The requests that wait for the replica to start. */
  #waiting: ((node: ReplicaNode | null) => void)[] = [];
  #node: ReplicaNode | null = null;
  /** The number of requests that it serves now. */
  #open = 0;
  #isOn = false;
  #isTicking = false;

  constructor(options: ColdHostOptions) {
    this.#options = options;
  }

  /** Whether requests and ticks start it. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Whether it serves a request. A new request goes to an idle instance, if there is one. */
  get isBusy(): boolean {
    return this.#open > 0;
  }

  /** From now on requests and ticks start it. */
  on(): void {
    this.#isOn = true;
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#tickLater();
  }

  /** From now on nothing starts it. */
  off(): void {
    this.#isOn = false;
    this.#stopped();
  }

  /** The replica has started; `null`: it failed to start. */
  started(node: ReplicaNode | null): void {
    this.#node = node;
    for (const take of this.#waiting.splice(0)) take(node);
    if (node) this.#stopIfIdle();
  }

  /** Serves a request with the replica, started if need be, within `mostMs`. `null`: the replica was stopped before it was done. */
  async serve<T>(ask: (node: ReplicaNode) => Promise<T>, mostMs: number): Promise<T | null> {
    if (!this.#isOn) return null;
    this.#open++;
    const node = await this.#awake();
    const answer = node ? await this.#within(ask(node), mostMs) : null;
    // Its outgoing messages leave after the answer, if the host allows that.
    if (node && this.#options.random.chance(0.9)) await this.#within(node.sent(), SENDING_MS);
    this.#open--;
    this.#stopIfIdle();
    return answer;
  }

  #awake(): Promise<ReplicaNode | null> {
    if (this.#node) return Promise.resolve(this.#node);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#options.start();
    });
  }

  #within<T>(promise: Promise<T>, mostMs: number): Promise<T | null> {
    return new Promise((resolve) => {
      promise.then(resolve, () => resolve(null));
      this.#options.engine.after(mostMs, () => resolve(null));
    });
  }

  #stopIfIdle(): void {
    if (this.#open > 0 || !this.#node) return;
    this.#stopped();
    this.#options.stop();
  }

  #stopped(): void {
    this.#node = null;
    for (const take of this.#waiting.splice(0)) take(null);
  }

  #tickLater(): void {
    const { engine, random, wakeMs } = this.#options;
    engine.after(wakeMs * random.between(0.9, 1.1), () => {
      const wait = () => new Promise<void>((resolve) => void engine.after(TICK_MS, resolve));
      void this.serve(wait, 2 * TICK_MS);
      this.#tickLater();
    });
  }
}
