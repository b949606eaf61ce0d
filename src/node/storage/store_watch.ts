/**
 * Checks from time to time that the store's file is still the one that was opened.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Store, Timer } from "../ports.ts";
import { StoreGoneError } from "./store_errors.ts";

/** Interval of checks, ms. Each commit checks too. */
const CHECK_MS = 1_000;

/** Watches one store, if the store supports that. */
export class StoreWatch {
  readonly #store: Store;
  readonly #timer: Timer;
  readonly #onGone: (error: StoreGoneError) => void;
  #cancel: (() => void) | null = null;

  /** Does nothing before {@linkcode StoreWatch.start}. */
  constructor(store: Store, timer: Timer, onGone: (error: StoreGoneError) => void) {
    this.#store = store;
    this.#timer = timer;
    this.#onGone = onGone;
  }

  start(): void {
    if (!this.#store.check || this.#cancel) return;
    this.#cancel = this.#timer.schedule(millis(this.#timer.now() + CHECK_MS), () => void this.#look());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = () => {};
  }

  async #look(): Promise<void> {
    const mine = this.#cancel;
    try {
      await this.#store.check!();
    } catch (error) {
      // Any other error will show in the next commit.
      if (error instanceof StoreGoneError && this.#cancel === mine) return this.#onGone(error);
    }
    if (this.#cancel !== mine) return;
    this.#cancel = null;
    this.start();
  }
}
