/** A clock that stands still until a test moves it. */
import { type Millis, millis } from "../../src/core/messages/ids.ts";
import type { Timer } from "../../src/node/ports.ts";
import { webTimer } from "../../src/client/transport/timer.ts";

interface Alarm {
  readonly at: Millis;
  readonly fire: () => void;
}

export class ManualTimer implements Timer {
  #now = 1_000_000;
  readonly #alarms = new Set<Alarm>();
  readonly #soon = webTimer().soon;

  now(): Millis {
    return millis(this.#now);
  }

  monotonic(): number {
    return this.#now;
  }

  /** Alarms that are set. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** How long until the next alarm, ms. */
  get nextInMs(): number {
    return Math.min(...[...this.#alarms].map(({ at }) => at)) - this.#now;
  }

  schedule(at: Millis, fire: () => void): () => void {
    const alarm = { at, fire };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  soon(run: () => void): void {
    this.#soon(run);
  }

  /** Resolves when all that was to run soon has run. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.#soon(resolve));
  }

  /** Lets `ms` pass; what falls due fires, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#alarms.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.fire();
    }
    this.#now = end;
  }
}
