/**
 * A machine's clock and alarms: skewed, set forth and back, late.
 * @module
 */
import type { Millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";
import type { Engine } from "./engine.ts";

/** The clocks' time at the start of a simulation, ms since the Unix epoch. */
export const EPOCH_MS = 1_800_000_000_000;

/** How a machine's clock is wrong. May change at any time. */
export interface ClockHabits {
  /** How far it is ahead of true time, ms. */
  skewMs: number;
  /** It stands still at this time, ms since the Unix epoch. */
  frozenAt?: number;
  /** Alarms ring only at multiples of this, ms; 0: in time. */
  alarmMs: number;
}

/** The timer of one life of one machine. */
export class SimulatedTimer implements Timer {
  /** After a crash nothing rings any more. */
  isDead = false;
  readonly #engine: Engine;
  readonly #habits: ClockHabits;

  constructor(engine: Engine, habits: ClockHabits) {
    this.#engine = engine;
    this.#habits = habits;
  }

  now(): Millis {
    const { frozenAt, skewMs } = this.#habits;
    return Math.max(0, Math.floor(frozenAt ?? EPOCH_MS + this.#engine.now + skewMs)) as Millis;
  }

  monotonic(): number {
    return this.#engine.now;
  }

  /** What is set for a time rings after as long as that is away now, as a host's timer does, whatever the clock does meanwhile. */
  schedule(at: Millis, fire: () => void): () => void {
    const { alarmMs } = this.#habits;
    let delayMs = Math.max(0, at - (this.#habits.frozenAt ?? EPOCH_MS + this.#engine.now + this.#habits.skewMs));
    if (alarmMs > 0) delayMs = Math.ceil((this.#engine.now + delayMs) / alarmMs) * alarmMs - this.#engine.now;
    return this.#engine.alarm(delayMs, () => this.#ring(fire));
  }

  soon(run: () => void): void {
    queueMicrotask(() => this.#ring(run));
  }

  #ring(fire: () => void): void {
    if (!this.isDead) fire();
  }
}
