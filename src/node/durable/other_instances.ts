/**
 * Coordination with other instances of this replica on the same store, where a platform runs several: how long to wait
 * after a conflict, and when to poll the store for the others' commits, so that the next input finds this instance up
 * to date.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import { ConflictBackoff, type Jitter } from "../async/backoff.ts";
import type { Loaded, Store, Timer, Version } from "../ports.ts";

/** After an input, this instance polls for the others' commits for the duration of this number of commits, ... */
const WATCH_COMMITS = 12;
/** ... but at least this long, ms. */
const MIN_WATCH_MS = 100;
/** Minimum interval of polls, ms. */
const MIN_PAUSE_MS = 1;

/** A commit that nobody waits for is put off for the duration of at most this number of commits. */
const YIELD_COMMITS = 6;

/** If no other instance was seen for this time, this one counts as the only one, ms. */
const REMEMBER_MS = 60_000;

/** What another instance has committed since this version: the store's version, and all records if the store gives both at once. */
export async function newsIn(
  store: Pick<Store, "newer" | "version">,
  than: Version,
): Promise<{ readonly version: Version; readonly loaded?: Loaded } | null> {
  if (!store.newer) return store.version ? { version: await store.version() } : null;
  const loaded = await store.newer(than);
  return loaded && { version: loaded.version, loaded };
}

/** A conflict this long after the retry of the one before is a conflict of its own, and not a failure of that retry, ms. */
const SEPARATE_MS = 1_000;

/** Knowledge of the other instances. */
export class OtherInstances {
  readonly #timer: Timer;
  readonly #conflicts: ConflictBackoff;
  readonly #poll: () => Promise<boolean>;
  readonly #onQuiet: () => void;
  /** Moving average of the duration of a commit, ms. */
  #commitMs = 0;
  /** When another instance was last seen, on the monotonic clock. */
  #seenAt = -Infinity;
  /** When the attempt after the last conflict began or begins, on the monotonic clock. */
  #retryAt = -Infinity;
  /** Whether the last known commit was another instance's. */
  #isBehind = false;
  #watchUntil = -Infinity;
  /** Until when a commit is put off, on the monotonic clock; `null` if none is. */
  #yieldUntil: number | null = null;
  /** How often something was added to what is put off. */
  #yields = 0;
  #cancel: (() => void) | null = null;
  #isPolling = false;
  #isStopped = false;

  /**
   * `poll`: checks whether another instance has committed, and if so loads that. `onQuiet`: none has since something was last put off.
   */
  constructor(options: {
    readonly timer: Timer;
    readonly jitter: Jitter;
    readonly poll: () => Promise<boolean>;
    readonly onQuiet: () => void;
  }) {
    this.#onQuiet = options.onQuiet;
    this.#timer = options.timer;
    this.#conflicts = new ConflictBackoff(options.jitter);
    this.#poll = options.poll;
  }

  /** Records a commit of this instance and its duration, ms. */
  noteCommit(tookMs: number): void {
    this.#commitMs += (tookMs - this.#commitMs) / (this.#commitMs === 0 ? 1 : 8);
    this.#conflicts.reset();
    this.#isBehind = false;
    this.#yieldUntil = null;
  }

  /** Records that nothing is put off any more. */
  endYield(): void {
    this.#yieldUntil = null;
  }

  /** Records a commit of another instance. */
  noteOtherCommit(): void {
    this.#seenAt = this.#timer.monotonic();
    this.#isBehind = true;
  }

  /** Records a conflict with another instance. Returns how long to wait before the next attempt, ms. */
  noteConflict(): number {
    this.noteOtherCommit();
    const now = this.#timer.monotonic();
    // An idle instance may lose each commit of a status to the same one. It is not to wait longer each time.
    if (now - this.#retryAt > Math.max(SEPARATE_MS, WATCH_COMMITS * this.#commitMs)) this.#conflicts.reset();
    const waitMs = this.#conflicts.next(this.#commitMs);
    this.#retryAt = now + waitMs;
    return waitMs;
  }

  /** Whether another instance has committed a short time ago. */
  get areAtWork(): boolean {
    return this.#timer.monotonic() - this.#seenAt <= Math.max(MIN_WATCH_MS, WATCH_COMMITS * this.#commitMs);
  }

  /**
   * How long a commit that nobody waits for is put off, ms. Another instance, which is at work, has precedence, and may make it
   * superfluous. `onQuiet` is called earlier, if a poll that began after this call finds nothing.
   */
  yieldMs(): number {
    const now = this.#timer.monotonic();
    this.#yields++;
    this.#yieldUntil ??= now + YIELD_COMMITS * this.#commitMs;
    this.#schedule();
    return Math.max(0, this.#yieldUntil - now);
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
    this.#isStopped = true;
    this.#watchUntil = -Infinity;
    this.#yieldUntil = null;
    this.#cancel?.();
    this.#cancel = null;
  }

  #schedule(): void {
    if (this.#cancel || this.#isPolling || this.#isStopped) return;
    this.#cancel = this.#timer.schedule(millis(this.#timer.now() + MIN_PAUSE_MS), () => {
      this.#cancel = null;
      void this.#pollNow();
    });
  }

  async #pollNow(): Promise<void> {
    this.#isPolling = true;
    const yields = this.#yields;
    const found = await this.#poll().catch(() => false);
    this.#isPolling = false;
    if (!found && this.#yieldUntil !== null && yields === this.#yields) this.#onQuiet();
    // A commit that it finds does not extend the polling: otherwise two instances would find each other's commits for
    // ever.
    if (this.#timer.monotonic() < Math.max(this.#watchUntil, this.#yieldUntil ?? -Infinity)) this.#schedule();
  }
}
