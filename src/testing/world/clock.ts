/**
 * A machine's clock and alarms, which may be skewed, set forward or back, frozen, or late.
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
  /** Alarms fire only at multiples of this, ms; 0: on time. */
  alarmMs: number;
}

/** The timer of one process of a machine. */
export class SimulatedTimer implements Timer {
  /** After a crash no alarm fires. */
  isDead = false;
  /** The alarms that wait while the process is paused; `null`: it runs. */
  #waiting: (() => void)[] | null = null;
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

  /** The delay is computed from the clock now, as a host's timer does. Later changes of the clock do not move the alarm. */
  schedule(at: Millis, fire: () => void): () => void {
    const { alarmMs } = this.#habits;
    let delayMs = Math.max(0, at - (this.#habits.frozenAt ?? EPOCH_MS + this.#engine.now + this.#habits.skewMs));
    if (alarmMs > 0) delayMs = Math.ceil((this.#engine.now + delayMs) / alarmMs) * alarmMs - this.#engine.now;
    return this.#engine.alarm(delayMs, () => this.#ring(fire));
  }

  soon(run: () => void): void {
    queueMicrotask(() => this.#ring(run));
  }

  /** From now on alarms wait. */
  pause(): void {
    this.#waiting ??= [];
  }

  /** What has waited happens now. */
  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const fire of waiting) this.#ring(fire);
  }

  #ring(fire: () => void): void {
    if (this.isDead) return;
    if (this.#waiting) this.#waiting.push(fire);
    else fire();
  }
}
