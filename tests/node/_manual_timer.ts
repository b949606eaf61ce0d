/** A clock that stands still until a test moves it. */
import { setImmediate } from "node:timers";
import { type Millis, millis } from "../../src/core/messages/ids.ts";
import type { Timer } from "../../src/node/ports.ts";

interface Alarm {
  readonly at: Millis;
  readonly fire: () => void;
}

export class ManualTimer implements Timer {
  #now = 1_000_000;
  #alarms: Alarm[] = [];
  #soon: (() => void)[] = [];

  now(): Millis {
    return millis(this.#now);
  }

  monotonic(): number {
    return this.#now;
  }

  schedule(at: Millis, fire: () => void): () => void {
    const alarm = { at, fire };
    this.#alarms.push(alarm);
    return () => void (this.#alarms = this.#alarms.filter((other) => other !== alarm));
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** How long until each alarm that is set, ms, ascending. */
  get alarmsInMs(): readonly number[] {
    return this.#alarms.map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Runs what is to run soon, and all that follows from it without time passing. */
  async idle(): Promise<void> {
    do {
      for (const run of this.#soon.splice(0)) run();
      // All promise jobs are done before the next macrotask.
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (this.#soon.length > 0);
  }

  /** Lets time pass; alarms fire in order, each at its time. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.idle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await this.idle();
    }
    this.#now = end;
  }

  /** Time passes, and nothing of this host runs. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  #next(end: number): Alarm | undefined {
    const due = this.#alarms.filter(({ at }) => at <= end);
    return due.reduce<Alarm | undefined>((first, alarm) => !first || alarm.at < first.at ? alarm : first, undefined);
  }
}
