/**
 * A client's pauses before what it asks: as long as it likes, until it is hurried.
 * @module
 */
import type { Engine } from "../world/engine.ts";
import type { Random } from "../random.ts";

/** A hurried client's pauses are shorter by this. */
const HASTE = 20;

interface Pause {
  readonly act: () => void;
  readonly cancel: () => void;
}

/** The pauses of one client; several at once if it has several requests under way. */
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

  /** Acts after a pause. */
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

  /** From now on it thinks no longer than it must, and what it is thinking about it ends soon. */
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
