/** The clock of a test: it stands still until the test moves it. Alarms fire in order. */
import { type Millis, millis } from "../src/core/messages/ids.ts";
import { EventQueue } from "../src/testing/world/event_queue.ts";

export class VirtualClock {
  /** Ms since the Unix epoch. */
  protected time = 1_000_000;
  readonly #alarms = new EventQueue();

  now(): Millis {
    return millis(Math.floor(this.time));
  }

  monotonic(): number {
    return this.time;
  }

  schedule(at: number, fire: () => void): () => void {
    const alarm = this.#alarms.push(at, fire);
    return () => this.#alarms.cancel(alarm);
  }

  /** How long until each alarm that is set, ms, ascending. */
  get alarmsInMs(): readonly number[] {
    return this.#alarms.events.map(({ at }) => at - this.time).sort((a, b) => a - b);
  }

  /** Time passes, and no alarm fires. */
  sleep(ms: number): void {
    this.time += ms;
  }

  /** Time passes until the next alarm, if it is due by `end`, which fires. Returns whether there was one. */
  protected fireNext(end: number): boolean {
    if (this.#alarms.nextAt > end) return false;
    this.time = Math.max(this.time, this.#alarms.nextAt);
    this.#alarms.take()();
    return true;
  }
}
