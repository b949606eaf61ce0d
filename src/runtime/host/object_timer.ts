/**
 * The clock of a Durable Object. Timeouts in memory serve the near deadlines. The next deadline of the replica itself is stored as the object's
 * one alarm too: it wakes the object for later deadlines, and when the object is no longer in memory.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import { deferred } from "../../node/async/deferred.ts";
import type { Timer } from "../../node/ports.ts";

/** The part of `ctx.storage` that sets the object's alarm. */
export interface AlarmStorage {
  /** Sets the alarm, ms since 1970. It replaces the one before. */
  setAlarm(at: number): Promise<void>;
}

/** No alarm is set for a shorter time, ms: it costs a write, and the object stays in memory that long. */
const SHORTEST_ALARM_MS = 2_000;
/** No timeout is set for a longer time, ms, only the alarm: a pending timeout keeps the object in memory, and this time is billed. */
const LONGEST_TIMEOUT_MS = 15_000;
/** An alarm of the object's own begins a turn only if no request has within this time, ms: it costs a write and a request. */
const NEXT_TURN_MS = 250;

interface Scheduled {
  readonly at: Millis;
  readonly fire: () => void;
  readonly timeout: ReturnType<typeof setTimeout> | null;
}

/** A timer that uses an object's alarm. */
export class ObjectTimer implements Timer {
  readonly #storage: AlarmStorage;
  readonly #scheduled = new Set<Scheduled>();
  /** The time of the stored alarm, as far as this instance knows. */
  #alarmAt = Infinity;
  #turnTimeout: ReturnType<typeof setTimeout> | undefined;
  #turnUsed = deferred<void>();

  /** Makes a timer with nothing scheduled. */
  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  /** The wall clock. In workerd it advances only with I/O. */
  now(): Millis {
    return millis(Date.now());
  }

  /** The monotonic clock. It advances as {@linkcode ObjectTimer.now} does. */
  monotonic(): number {
    return performance.now();
  }

  /** Uses a timeout only, for waits that end when the object leaves memory. So a request sets no alarm, and does not wake the object later. */
  schedule(at: Millis, fire: () => void): () => void {
    const timeout = setTimeout(fire, Math.max(0, at - Date.now()));
    return () => clearTimeout(timeout);
  }

  /** Uses a timeout if the time is near, and always the stored alarm too, because the object may be evicted before. */
  wake(at: Millis, fire: () => void): () => void {
    const inMs = Math.max(0, at - Date.now());
    const timeout = inMs > LONGEST_TIMEOUT_MS ? null : setTimeout(() => this.#fire(scheduled), inMs);
    const scheduled: Scheduled = { at, fire, timeout };
    this.#scheduled.add(scheduled);
    this.#store(at);
    return () => this.#remove(scheduled);
  }

  /** Runs `run` after the input that has arrived already. */
  soon(run: () => void): void {
    setTimeout(run, 0);
  }

  /** Something waits for the next turn: if none has begun soon ({@linkcode ObjectTimer.turnBegan}), an alarm begins one. */
  wantTurn(): void {
    this.#turnUsed.resolve();
    this.#turnTimeout ??= setTimeout(() => {
      this.#turnTimeout = undefined;
      this.#set(Date.now());
    }, NEXT_TURN_MS);
  }

  /** Resolves once something waits for the turn after this one: it can't begin by an alarm while the one before is handled. */
  get turnUsed(): Promise<void> {
    return this.#turnUsed.promise;
  }

  /** A turn has begun, by a request or an alarm. */
  turnBegan(): void {
    clearTimeout(this.#turnTimeout);
    this.#turnTimeout = undefined;
    this.#turnUsed = deferred();
  }

  /** Called when the stored alarm fires. Runs the timers that are due: none, if it was cancelled. */
  onAlarm(): void {
    this.#alarmAt = Infinity;
    const now = Date.now();
    for (const scheduled of [...this.#scheduled]) if (scheduled.at <= now) this.#fire(scheduled);
    if (this.#scheduled.size > 0) this.#store(millis(Math.min(...Array.from(this.#scheduled, ({ at }) => at))));
  }

  #fire(scheduled: Scheduled): void {
    // A function that ran before this one may have cancelled it.
    if (this.#remove(scheduled)) scheduled.fire();
  }

  #remove(scheduled: Scheduled): boolean {
    if (scheduled.timeout !== null) clearTimeout(scheduled.timeout);
    return this.#scheduled.delete(scheduled);
  }

  /** Stores the alarm unless an earlier one is stored. When an earlier one fires, the next one is set. */
  #store(at: Millis): void {
    this.#set(Math.max(at, Date.now() + SHORTEST_ALARM_MS));
  }

  #set(wanted: number): void {
    if (wanted >= this.#alarmAt) return;
    this.#alarmAt = wanted;
    this.#storage.setAlarm(wanted).catch(() => this.#alarmAt = Infinity);
  }
}
