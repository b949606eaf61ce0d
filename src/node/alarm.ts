/**
 * The one next alarm. goPBFT's `Alarm`, computed instead of every 20 seconds.
 * @module
 */
import type { Millis } from "../core/ids.ts";
import type { Timer } from "./ports.ts";

/** Fires at the time that it was set to last, once. */
export class Alarm {
  readonly #timer: Pick<Timer, "schedule">;
  readonly #fire: () => void;
  #set: { readonly at: Millis; readonly cancel: () => void } | null = null;

  constructor(timer: Pick<Timer, "schedule">, fire: () => void) {
    this.#timer = timer;
    this.#fire = fire;
  }

  /** Sets it anew; `null`: not at all. */
  set(at: Millis | null): void {
    if (at === (this.#set?.at ?? null)) return;
    this.#set?.cancel();
    this.#set = at === null ? null : { at, cancel: this.#timer.schedule(at, () => this.#onTime()) };
  }

  #onTime(): void {
    this.#set = null;
    this.#fire();
  }
}
