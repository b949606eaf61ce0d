import { setImmediate } from "node:timers";
import type { Timer } from "../../src/node/ports.ts";
import { VirtualClock } from "../_virtual_clock.ts";

/** A node's clock, which stands still until a test moves it. All that an alarm causes is done before the next one fires. */
export class ManualTimer extends VirtualClock implements Timer {
  #soon: (() => void)[] = [];

  soon(run: () => void): void {
    this.#soon.push(run);
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
    const end = this.time + ms;
    await this.idle();
    while (this.fireNext(end)) await this.idle();
    this.time = end;
  }

  /** Resolves once so much time has passed. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.schedule(this.time + ms, resolve));
  }
}
