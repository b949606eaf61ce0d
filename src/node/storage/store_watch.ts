/**
 * Looks now and then whether a store's file is still the one that was opened.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Store, Timer } from "../ports.ts";
import { StoreGoneError } from "./store_errors.ts";

/** How often it looks, ms. A commit looks too. */
const CHECK_MS = 1_000;

/** Watches one store, if it can tell. */
export class StoreWatch {
  readonly #store: Store;
  readonly #timer: Timer;
  readonly #onGone: (error: StoreGoneError) => void;
  #cancel: (() => void) | null = null;

  /** Nothing is watched before {@linkcode StoreWatch.start}. */
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
      // Whatever else fails here, the next commit will tell.
      if (error instanceof StoreGoneError && this.#cancel === mine) return this.#onGone(error);
    }
    if (this.#cancel !== mine) return;
    this.#cancel = null;
    this.start();
  }
}
