/**
 * The pauses of a client between requests.
 * @module
 */
import type { Engine } from "../world/engine.ts";
import type { Random } from "../random.ts";

/** The pauses of a hurried client are shorter by this factor. */
const HASTE = 20;

interface Pause {
  readonly act: () => void;
  readonly cancel: () => void;
}

/** The pauses of one client; several at once if it has several requests in flight. */
export class ThinkTime {
  readonly #engine: Engine;
  readonly #random: Random;
  #meanMs: number;
  readonly #pauses = new Set<Pause>();

  constructor(engine: Engine, random: Random, meanMs: number) {
    this.#engine = engine;
    this.#random = random;
    this.#meanMs = meanMs;
  }

  /** Calls `act` after a pause. */
  before(act: () => void): void {
    const pause: Pause = {
      act,
      cancel: this.#engine.alarm(this.#random.exponential(this.#meanMs), () => {
        this.#pauses.delete(pause);
        act();
      }),
    };
    this.#pauses.add(pause);
  }

  /** Shortens the pauses from now on, those that have begun too. */
  hurry(): void {
    this.#meanMs /= HASTE;
    const pauses = [...this.#pauses];
    this.#pauses.clear();
    for (const { act, cancel } of pauses) {
      cancel();
      this.before(act);
    }
  }
}
