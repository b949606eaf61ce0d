/**
 * How long the commits of this replica's store take: the core waits for its primary as long as they ask for.
 * @module
 */
import type { Timer } from "../ports.ts";
import type { Task } from "./task.ts";

/** Commits that are faster than this make no difference, ms. */
const LEAST_MS = 20;
/** The part of the last commit in the mean. */
const GAIN = 1 / 4;
/** The core is told when the mean has changed by this part. */
const CHANGE = 1 / 4;

/** The pace of one store. */
export class StorePace {
  readonly #timer: Pick<Timer, "monotonic">;
  #meanMs: number | null = null;
  /** When the commit that is under way began, on the monotonic clock. */
  #beganAt: number | null = null;
  /** What the core in memory was told last. */
  #toldMs = 0;

  constructor(timer: Pick<Timer, "monotonic">) {
    this.#timer = timer;
  }

  /** A commit begins. */
  began(): void {
    this.#beganAt = this.#timer.monotonic();
  }

  /** It has failed, which says nothing of those that don't. */
  failed(): void {
    this.#beganAt = null;
  }

  /** It is done; gives how long it took, ms. */
  done(): number {
    const tookMs = this.#underWayMs();
    this.#beganAt = null;
    this.#meanMs = this.#meanMs === null ? tookMs : this.#meanMs + GAIN * (tookMs - this.#meanMs);
    return tookMs;
  }

  /** There is another core, which knows nothing yet. */
  startAgain(): void {
    this.#toldMs = 0;
  }

  /** These inputs, and before them what the core has to be told of the store. */
  before(tasks: readonly Task[]): readonly Task[] {
    const commitMs = Math.max(this.#meanMs ?? 0, this.#underWayMs());
    if (tasks.length === 0 || Math.max(commitMs, this.#toldMs) < LEAST_MS) return tasks;
    if (Math.abs(commitMs - this.#toldMs) <= CHANGE * this.#toldMs) return tasks;
    this.#toldMs = commitMs;
    return [{ input: { kind: "store-pace", commitMs } }, ...tasks];
  }

  #underWayMs(): number {
    return this.#beganAt === null ? 0 : this.#timer.monotonic() - this.#beganAt;
  }
}
