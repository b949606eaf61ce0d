/**
 * The clock of a Durable Object. While the object is in memory `setTimeout` serves; its one alarm, which is stored, wakes it
 * when it is not.
 * @module
 */
import { type Millis, millis } from "../core/ids.ts";
import type { Timer } from "../node/ports.ts";

/** The object's alarm: `ctx.storage`. */
export interface AlarmStorage {
  /** Sets it, ms since 1970; the one before is replaced. */
  setAlarm(at: number): Promise<void>;
}

/** An alarm costs a write: it is not set for what is due sooner than this, for which the object stays in memory, ms. */
const SHORTEST_ALARM_MS = 2_000;

/** A timer over one object's alarm. */
export class ObjectTimer implements Timer {
  readonly #storage: AlarmStorage;
  readonly #due = new Map<ReturnType<typeof setTimeout>, Millis>();
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

  /** By `setTimeout`, and by the stored alarm in case the object is gone by then. */
  schedule(at: Millis, fire: () => void): () => void {
    const id = setTimeout(() => {
      this.#due.delete(id);
      fire();
    }, Math.max(0, at - Date.now()));
    this.#due.set(id, at);
    this.#store(at);
    return () => {
      clearTimeout(id);
      this.#due.delete(id);
    };
  }

  /** When what came together is in. */
  soon(run: () => void): void {
    setTimeout(run, 0);
  }

  /** The stored alarm has fired; perhaps too early, for something that was called off. */
  onAlarm(): void {
    this.#alarmAt = Infinity;
    if (this.#due.size > 0) this.#store(millis(Math.min(...this.#due.values())));
  }

  /** An alarm that is earlier than need be stays: when it fires, the next one is set. */
  #store(at: Millis): void {
    const wanted = Math.max(at, Date.now() + SHORTEST_ALARM_MS);
    if (wanted >= this.#alarmAt) return;
    this.#alarmAt = wanted;
    this.#storage.setAlarm(wanted).catch(() => this.#alarmAt = Infinity);
  }
}
