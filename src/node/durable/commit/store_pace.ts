/**
 * Measures the duration of commits to the store. The core waits for the primary at least as long as such commits take.
 * @module
 */
import type { Timer } from "../../ports.ts";
import type { Task } from "../task.ts";

/** Faster commits do not matter, ms. */
const LEAST_MS = 20;
/** Weight of the last commit in the moving average. */
const GAIN = 1 / 4;
/** Kept inputs wait for others for this fraction of the duration of a commit: the votes of a quorum come almost together. */
const GATHERED = 1 / 4;
/** The core is informed when the average has changed by this fraction. */
const CHANGE = 1 / 4;

/** The commit durations of one store. */
export class StorePace {
  readonly #timer: Pick<Timer, "monotonic">;
  #meanMs: number | null = null;
  /** When the running commit began, on the monotonic clock. */
  #beganAt: number | null = null;
  /** The last duration that the current core was informed of. */
  #toldMs = 0;

  constructor(timer: Pick<Timer, "monotonic">) {
    this.#timer = timer;
  }

  /** How long kept inputs wait for others before they are committed, ms; 0 if commits are fast. */
  get gatherMs(): number {
    return this.#meanMs !== null && this.#meanMs >= LEAST_MS ? GATHERED * this.#meanMs : 0;
  }

  /** Records the start of a commit. */
  began(): void {
    this.#beganAt = this.#timer.monotonic();
  }

  /** Records a failed commit; its duration does not count. */
  failed(): void {
    this.#beganAt = null;
  }

  /** Records a finished commit. Returns its duration, ms. */
  done(): number {
    const tookMs = this.#runningMs();
    this.#beganAt = null;
    this.#meanMs = this.#meanMs === null ? tookMs : this.#meanMs + GAIN * (tookMs - this.#meanMs);
    return tookMs;
  }

  /** Records that there is a new core, which knows no duration yet. */
  startAgain(): void {
    this.#toldMs = 0;
  }

  /** If the core must be informed of the duration of commits: the task that does it. */
  news(): readonly Task[] {
    const commitMs = Math.max(this.#meanMs ?? 0, this.#runningMs());
    if (Math.max(commitMs, this.#toldMs) < LEAST_MS) return [];
    if (Math.abs(commitMs - this.#toldMs) <= CHANGE * this.#toldMs) return [];
    this.#toldMs = commitMs;
    return [{ input: { kind: "store-pace", commitMs } }];
  }

  #runningMs(): number {
    return this.#beganAt === null ? 0 : this.#timer.monotonic() - this.#beganAt;
  }
}
