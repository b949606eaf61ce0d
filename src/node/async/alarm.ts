/**
 * The one next alarm. goPBFT's `Alarm`, computed instead of every 20 seconds.
 * @module
 */
import type { Millis } from "../../core/messages/ids.ts";
import type { Timer } from "../ports.ts";

/** Fires at the time that it was set to last, once. */
export class Alarm {
  readonly #timer: Pick<Timer, "schedule" | "wake">;
  readonly #fire: () => void;
  #set: { readonly at: Millis; readonly cancel: () => void } | null = null;

  constructor(timer: Pick<Timer, "schedule" | "wake">, fire: () => void) {
    this.#timer = timer;
    this.#fire = fire;
  }

  /** Sets it anew; `null`: not at all. */
  set(at: Millis | null): void {
    if (at === (this.#set?.at ?? null)) return;
    this.#set?.cancel();
    this.#set = at === null ? null : { at, cancel: this.#schedule(at) };
  }

  #schedule(at: Millis): () => void {
    const fire = () => this.#onTime();
    return this.#timer.wake?.(at, fire) ?? this.#timer.schedule(at, fire);
  }

  #onTime(): void {
    this.#set = null;
    this.#fire();
  }
}
