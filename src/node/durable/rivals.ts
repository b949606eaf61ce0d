/**
 * Other instances of this replica, which a platform may run on the same store: how soon to try again after one of them was faster, and
 * when to look whether one has gone on, so that what comes next finds this instance up to date.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import { ConflictBackoff, type Jitter } from "../async/backoff.ts";
import type { Timer } from "../ports.ts";

/** After another instance's commit, or an input, this one looks for others' commits for as long as so many commits take, ... */
const WATCH_COMMITS = 12;
/** ... but at least so long, ms. */
const MIN_WATCH_MS = 100;
/** It does not look more often than this, ms. */
const MIN_PAUSE_MS = 2;

/** Where nobody was seen for so long this instance is alone, ms. */
const REMEMBER_MS = 60_000;

/** What is known of the others. */
export class Rivals {
  readonly #timer: Timer;
  readonly #conflicts: ConflictBackoff;
  readonly #look: () => Promise<boolean>;
  /** What a commit takes, ms, as lately measured. */
  #commitMs = 0;
  /** When one was seen last, on the monotonic clock. */
  #seenAt = -Infinity;
  /** The last commit that is known of was another instance's. */
  #isBehind = false;
  #watchUntil = -Infinity;
  #cancel: (() => void) | null = null;
  #isLooking = false;

  /** `look`: finds out whether another instance has committed, and if so takes that up. */
  constructor(options: { readonly timer: Timer; readonly jitter: Jitter; readonly look: () => Promise<boolean> }) {
    this.#timer = options.timer;
    this.#conflicts = new ConflictBackoff(options.jitter);
    this.#look = options.look;
  }

  /** This instance has committed; that took so long, ms. */
  noteCommit(tookMs: number): void {
    this.#commitMs += (tookMs - this.#commitMs) / (this.#commitMs === 0 ? 1 : 8);
    this.#conflicts.reset();
    this.#isBehind = false;
  }

  /** Another instance has committed. */
  noteOther(): void {
    this.#seenAt = this.#timer.monotonic();
    this.#isBehind = true;
  }

  /** Another instance was faster. Gives how long to wait before the next attempt, ms. */
  noteConflict(): number {
    this.noteOther();
    return this.#conflicts.next(this.#commitMs);
  }

  /** Something is going on: while others are at work, looks for what they commit. */
  stir(): void {
    const now = this.#timer.monotonic();
    if (now - this.#seenAt > REMEMBER_MS) return;
    this.#watchUntil = now + Math.max(MIN_WATCH_MS, WATCH_COMMITS * this.#commitMs);
    this.#schedule();
  }

  /** When an alarm that is due at `at` is to ring here: later where another instance has committed last, which has the same alarm. */
  alarmAt(at: Millis): Millis {
    if (!this.#isBehind) return at;
    return millis(Math.ceil(Math.max(at, this.#timer.now()) + Math.max(MIN_WATCH_MS, 4 * this.#commitMs)));
  }

  /** Looks no more. */
  stop(): void {
    this.#watchUntil = -Infinity;
    this.#cancel?.();
    this.#cancel = null;
  }

  #schedule(): void {
    if (this.#cancel || this.#isLooking) return;
    this.#cancel = this.#timer.schedule(millis(this.#timer.now() + MIN_PAUSE_MS), () => {
      this.#cancel = null;
      void this.#lookNow();
    });
  }

  async #lookNow(): Promise<void> {
    this.#isLooking = true;
    await this.#look().catch(() => false);
    this.#isLooking = false;
    const now = this.#timer.monotonic();
    // What it finds is no reason to look longer: the other one would find what is written here then, and so on for ever.
    if (now < this.#watchUntil) this.#schedule();
  }
}
