/**
 * A host that runs a replica only while there is something for it to do: it starts it for what comes, and stops it as soon as that is
 * answered and what it wants said is on its way, or even before. A tick wakes it now and then, as a cron job or a durable alarm does.
 * @module
 */
import type { Node } from "../../node/node.ts";
import type { Engine } from "../world/engine.ts";
import type { Random } from "../random.ts";

/** What a cold host is made of. */
export interface ColdHostOptions {
  readonly engine: Engine;
  readonly random: Random;
  /** Between two ticks, ms. */
  readonly wakeMs: number;
  /** Starts the replica. */
  readonly start: () => void;
  /** Stops it, whatever it is at. */
  readonly stop: () => void;
}

/** After a tick it stays for so long, so that what is due can ring, ms. */
const TICK_MS = 30;
/** Its messages have so long after the answer, ms. */
const SENDING_MS = 300;

/** The host of one machine. */
export class ColdHost {
  readonly #options: ColdHostOptions;
  /** Who waits for the replica to be started. */
  #waiting: ((node: Node | null) => void)[] = [];
  #node: Node | null = null;
  /** What it is started for and has not done yet. */
  #open = 0;
  #isOn = false;
  #isTicking = false;

  constructor(options: ColdHostOptions) {
    this.#options = options;
  }

  /** Whether anything starts it. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Whether it is at something: what comes is for another instance, if there is one that is not. */
  get isBusy(): boolean {
    return this.#open > 0;
  }

  /** From now on what comes starts it. */
  on(): void {
    this.#isOn = true;
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#tickLater();
  }

  /** Nothing starts it any more. */
  off(): void {
    this.#isOn = false;
    this.#stopped();
  }

  /** The replica has been started; `null`: it could not be. */
  started(node: Node | null): void {
    this.#node = node;
    for (const take of this.#waiting.splice(0)) take(node);
    if (node) this.#stopIfIdle();
  }

  /** Has a replica that is started for it do this, within `mostMs`. `null`: it was stopped before it was done. */
  async serve<T>(ask: (node: Node) => Promise<T>, mostMs: number): Promise<T | null> {
    if (!this.#isOn) return null;
    this.#open++;
    const node = await this.#awake();
    const answer = node ? await this.#within(ask(node), mostMs) : null;
    // What it wants said goes out after the answer, where the host lets it.
    if (node && this.#options.random.chance(0.9)) await this.#within(node.sent(), SENDING_MS);
    this.#open--;
    this.#stopIfIdle();
    return answer;
  }

  #awake(): Promise<Node | null> {
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
