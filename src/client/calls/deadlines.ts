/**
 * The deadlines of a client's calls. All calls have the same timeout, so the oldest is the first to time out, and one
 * timer serves all.
 * @module
 */
import type { Timer } from "../../node/ports.ts";
import { after } from "../transport/timer.ts";
import type { Call } from "./call.ts";
import type { Channel } from "./channel.ts";

/** Any call. */
type AnyCall = Pick<Call, "deadline" | "timeOut" | "clientClosed">;

/** All calls that have not ended, by ascending deadline. While there are none, it holds no timer. */
export class Deadlines {
  readonly #timer: Timer;
  readonly #timeoutMs: number;
  readonly #calls = new Set<AnyCall>();
  readonly #channel: Pick<Channel, "excuse">;
  #cancelAlarm: (() => void) | null = null;

  /** `timeoutMs`: how long each call may take. */
  constructor(timer: Timer, timeoutMs: number, channel: Pick<Channel, "excuse">) {
    this.#timer = timer;
    this.#channel = channel;
    this.#timeoutMs = timeoutMs;
  }

  /** The deadline of a call that starts now, ms of the monotonic clock. */
  next(): number {
    return this.#timer.monotonic() + this.#timeoutMs;
  }

  add(call: AnyCall): void {
    this.#calls.add(call);
    this.#watch();
  }

  /** Forgets a call that has ended. */
  delete(call: AnyCall): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#cancelAlarm?.();
    this.#cancelAlarm = null;
  }

  /** Ends all calls because the client is closed. */
  close(): void {
    for (const call of [...this.#calls]) call.clientClosed();
  }

  #watch(): void {
    const [oldest] = this.#calls;
    if (this.#cancelAlarm !== null || oldest === undefined) return;
    this.#cancelAlarm = after(this.#timer, oldest.deadline - this.#timer.monotonic(), () => {
      this.#cancelAlarm = null;
      for (const call of this.#calls) {
        if (call.deadline > this.#timer.monotonic()) break;
        call.timeOut(this.#timeoutMs, this.#channel.excuse);
      }
      this.#watch();
    });
  }
}
