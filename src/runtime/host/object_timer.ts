/**
 * The clock of a Durable Object. For what is near `setTimeout` serves. What the replica itself has to do is in its one alarm as well, which is
 * stored: it wakes the object for what is far, and for all of it if it is not in memory then.
 * @module
 */
import { type Millis, millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** The object's alarm: `ctx.storage`. */
export interface AlarmStorage {
  /** Sets it, ms since 1970; the one before is replaced. */
  setAlarm(at: number): Promise<void>;
}

/** An alarm costs a write: it is not set for what is due sooner than this, for which the object stays in memory, ms. */
const SHORTEST_ALARM_MS = 2_000;
/** For what is due later than this the alarm alone serves, ms: an object with a timeout set is not put to sleep, and its time is billed. */
const LONGEST_TIMEOUT_MS = 15_000;

interface Scheduled {
  readonly at: Millis;
  readonly fire: () => void;
  readonly timeout: ReturnType<typeof setTimeout> | null;
}

/** A timer over one object's alarm. */
export class ObjectTimer implements Timer {
  readonly #storage: AlarmStorage;
  readonly #scheduled = new Set<Scheduled>();
  /** When the stored alarm fires, as far as is known here. */
  #alarmAt = Infinity;

  /** A timer that has nothing to do yet. */
  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  /** Wall clock; it stands still between two I/O operations. */
  now(): Millis {
    return millis(Date.now());
  }

  /** As {@linkcode ObjectTimer.now}. */
  monotonic(): number {
    return performance.now();
  }

  /** By `setTimeout` alone: what is in memory is waited for, and goes with it. So a request sets no alarm, and wakes no object later. */
  schedule(at: Millis, fire: () => void): () => void {
    const timeout = setTimeout(fire, Math.max(0, at - Date.now()));
    return () => clearTimeout(timeout);
  }

  /** By `setTimeout` if it is near, and by the stored alarm in any case: the object may be gone by then. */
  wake(at: Millis, fire: () => void): () => void {
    const inMs = Math.max(0, at - Date.now());
    const timeout = inMs > LONGEST_TIMEOUT_MS ? null : setTimeout(() => this.#fire(scheduled), inMs);
    const scheduled: Scheduled = { at, fire, timeout };
    this.#scheduled.add(scheduled);
    this.#store(at);
    return () => this.#remove(scheduled);
  }

  /** When what came together is in. */
  soon(run: () => void): void {
    setTimeout(run, 0);
  }

  /** The stored alarm has fired: what is due is done. Perhaps nothing is, since it was called off. */
  onAlarm(): void {
    this.#alarmAt = Infinity;
    const now = Date.now();
    for (const scheduled of [...this.#scheduled]) if (scheduled.at <= now) this.#fire(scheduled);
    if (this.#scheduled.size > 0) this.#store(millis(Math.min(...Array.from(this.#scheduled, ({ at }) => at))));
  }

  #fire(scheduled: Scheduled): void {
    // One that is due may have called off another.
    if (this.#remove(scheduled)) scheduled.fire();
  }

  #remove(scheduled: Scheduled): boolean {
    if (scheduled.timeout !== null) clearTimeout(scheduled.timeout);
    return this.#scheduled.delete(scheduled);
  }

  /** An alarm that is earlier than need be stays: when it fires, the next one is set. */
  #store(at: Millis): void {
    const wanted = Math.max(at, Date.now() + SHORTEST_ALARM_MS);
    if (wanted >= this.#alarmAt) return;
    this.#alarmAt = wanted;
    this.#storage.setAlarm(wanted).catch(() => this.#alarmAt = Infinity);
  }
}
