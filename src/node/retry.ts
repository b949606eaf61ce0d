/**
 * One thing that is tried again later.
 * @module
 */
import { millis } from "../core/ids.ts";
import type { Timer } from "./ports.ts";

/** What is to be tried, of which there is one at a time: a new one takes the place of one that has not begun. */
export class Retry {
  readonly #timer: Pick<Timer, "now" | "schedule">;
  #cancel: (() => void) | null = null;
  /** The last that was begun. */
  running: Promise<void> | null = null;

  constructor(timer: Pick<Timer, "now" | "schedule">) {
    this.#timer = timer;
  }

  /** Has it run after so long, ms. */
  after(delayMs: number, run: () => Promise<void>): void {
    this.#cancel?.();
    this.#cancel = this.#timer.schedule(millis(this.#timer.now() + delayMs), () => this.running = run());
  }

  /** Nothing more begins. */
  cancel(): void {
    this.#cancel?.();
  }
}
