/**
 * Coordination with other instances of this replica on the same store, where a platform runs several: how long to wait
 * after a conflict, and when to poll the store for the others' commits, so that the next input finds this instance up
 * to date.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import { ConflictBackoff, type Jitter } from "../async/backoff.ts";
import type { Timer } from "../ports.ts";

/** After an input, this instance polls for the others' commits for the duration of this number of commits, ... */
const WATCH_COMMITS = 12;
/** ... but at least this long, ms. */
const MIN_WATCH_MS = 100;
/** Minimum interval of polls, ms. */
const MIN_PAUSE_MS = 2;

/** If no other instance was seen for this time, this one counts as the only one, ms. */
const REMEMBER_MS = 60_000;

/** Knowledge of the other instances. */
export class OtherInstances {
  readonly #timer: Timer;
  readonly #conflicts: ConflictBackoff;
  readonly #poll: () => Promise<boolean>;
  /** Moving average of the duration of a commit, ms. */
  #commitMs = 0;
  /** When another instance was last seen, on the monotonic clock. */
  #seenAt = -Infinity;
  /** Whether the last known commit was another instance's. */
  #isBehind = false;
  #watchUntil = -Infinity;
  #cancel: (() => void) | null = null;
  #isPolling = false;

  /** `poll`: checks whether another instance has committed, and if so loads that. */
  constructor(options: { readonly timer: Timer; readonly jitter: Jitter; readonly poll: () => Promise<boolean> }) {
    this.#timer = options.timer;
    this.#conflicts = new ConflictBackoff(options.jitter);
    this.#poll = options.poll;
  }

  /** Records a commit of this instance and its duration, ms. */
  noteCommit(tookMs: number): void {
    this.#commitMs += (tookMs - this.#commitMs) / (this.#commitMs === 0 ? 1 : 8);
    this.#conflicts.reset();
    this.#isBehind = false;
  }

  /** Records a commit of another instance. */
  noteOtherCommit(): void {
    this.#seenAt = this.#timer.monotonic();
    this.#isBehind = true;
  }

  /** Records a conflict with another instance. Returns how long to wait before the next attempt, ms. */
  noteConflict(): number {
    this.noteOtherCommit();
    return this.#conflicts.next(this.#commitMs);
  }

  /** Called on activity: polls for a while if other instances are active. */
  onActivity(): void {
    const now = this.#timer.monotonic();
    if (now - this.#seenAt > REMEMBER_MS) return;
    this.#watchUntil = now + Math.max(MIN_WATCH_MS, WATCH_COMMITS * this.#commitMs);
    this.#schedule();
  }

  /**
   * When an alarm that is due at `at` should fire here. It is delayed if another instance committed last, as that one
   * has the same alarm.
   */
  alarmAt(at: Millis): Millis {
    if (!this.#isBehind) return at;
    return millis(Math.ceil(Math.max(at, this.#timer.now()) + Math.max(MIN_WATCH_MS, 4 * this.#commitMs)));
  }

  /** Stops polling. */
  stop(): void {
    this.#watchUntil = -Infinity;
    this.#cancel?.();
    this.#cancel = null;
  }

  #schedule(): void {
    if (this.#cancel || this.#isPolling) return;
    this.#cancel = this.#timer.schedule(millis(this.#timer.now() + MIN_PAUSE_MS), () => {
      this.#cancel = null;
      void this.#pollNow();
    });
  }

  async #pollNow(): Promise<void> {
    this.#isPolling = true;
    await this.#poll().catch(() => false);
    this.#isPolling = false;
    const now = this.#timer.monotonic();
    // A commit that it finds does not extend the polling: otherwise two instances would find each other's commits for
    // ever.
    if (now < this.#watchUntil) this.#schedule();
  }
}
