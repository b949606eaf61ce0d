import { webTimer } from "../../src/client/transport/timer.ts";
import type { Timer } from "../../src/node/ports.ts";
import { VirtualClock } from "../_virtual_clock.ts";

/** A client's clock, which stands still until a test moves it. Promises settle in real turns of the event loop. */
export class ManualTimer extends VirtualClock implements Timer {
  readonly #soon = webTimer().soon;

  /** Alarms that are set. */
  get pending(): number {
    return this.alarmsInMs.length;
  }

  /** How long until the next alarm, ms. */
  get nextInMs(): number {
    return Math.min(...this.alarmsInMs);
  }

  soon(run: () => void): void {
    this.#soon(run);
  }

  /** Resolves when all that was to run soon has run. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.#soon(resolve));
  }

  /** Lets `ms` pass; alarms that are due fire in order. */
  advance(ms: number): void {
    const end = this.time + ms;
    while (this.fireNext(end));
    this.time = end;
  }
}
