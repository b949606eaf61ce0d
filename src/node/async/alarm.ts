/**
 * A single alarm. goPBFT's `Alarm`, set to the next due time instead of every 20 seconds.
 * @module
 */
import type { Millis } from "../../core/messages/ids.ts";
import type { Timer } from "../ports.ts";

/** Fires once, at the time it was last set to. */
export class Alarm {
  readonly #timer: Pick<Timer, "schedule" | "wake">;
  readonly #fire: () => void;
  #set: { readonly at: Millis; readonly cancel: () => void } | null = null;

  constructor(timer: Pick<Timer, "schedule" | "wake">, fire: () => void) {
    this.#timer = timer;
    this.#fire = fire;
  }

  /** Whether it is set. */
  get isSet(): boolean {
    return this.#set !== null;
  }

  /** Sets the alarm to another time; `null` cancels it. */
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
