/**
 * Timers that end together with their owner.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../ports.ts";
import { deferred } from "./deferred.ts";

/** Calls and waits that come later, until they are stopped. */
export class Delays {
  readonly #timer: Pick<Timer, "now" | "schedule">;
  readonly #cancel = new Set<() => void>();
  readonly #stopped = deferred<void>();
  #isStopped = false;

  constructor(timer: Pick<Timer, "now" | "schedule">) {
    this.#timer = timer;
  }

  /** Calls `run` after `ms`. Once stopped it does nothing: what ends after its owner must leave no timer. */
  after(ms: number, run: () => unknown): void {
    if (this.#isStopped) return;
    const cancel = this.#timer.schedule(millis(this.#timer.now() + ms), () => {
      this.#cancel.delete(cancel);
      void run();
    });
    this.#cancel.add(cancel);
  }

  /** Resolves after `ms`, or at once when stopped. */
  pass(ms: number): Promise<void> {
    const { promise, resolve } = deferred<void>();
    this.after(ms, resolve);
    return Promise.race([promise, this.#stopped.promise]);
  }

  /** Whether they are stopped. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Cancels all calls, and ends all waits. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#cancel) cancel();
    this.#cancel.clear();
    this.#stopped.resolve();
  }
}
