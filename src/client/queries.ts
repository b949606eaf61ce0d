/**
 * Reads without ordering: asks all replicas, and has the read ordered if they don't agree.
 * @module
 */
import { fromUtf8 } from "../wire/mod.ts";
import type { Channel } from "./channel.ts";
import { ClientClosedError, QueryRejectedError, TimeoutError } from "./errors.ts";
import type { ClientSettings } from "./options.ts";
import { jittered } from "./random.ts";
import { after } from "./timer.ts";

/** What queries need. */
export interface QueriesOptions extends Pick<ClientSettings, "timer" | "timeoutMs" | "retryMs" | "maxRetryMs"> {
  readonly channel: Channel;
  /** As many equal answers are one correct replica's word. */
  readonly needed: number;
  /** Has the operation ordered. */
  readonly order: (operation: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
}

/** The queries of one client that are under way. */
export class Queries {
  readonly #options: QueriesOptions;
  readonly #open = new Set<AbortController>();

  constructor(options: QueriesOptions) {
    this.#options = options;
  }

  /** The state machine's answer. */
  async query(operation: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const { timer, timeoutMs } = this.#options;
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal!.reason);
    signal?.addEventListener("abort", onAbort);
    const cancelAlarm = after(timer, timeoutMs, () => controller.abort(new TimeoutError(timeoutMs, "none")));
    this.#open.add(controller);
    try {
      return await this.#ask(operation, controller.signal);
    } finally {
      this.#open.delete(controller);
      cancelAlarm();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Ends all of them. */
  close(): void {
    for (const controller of this.#open) controller.abort(new ClientClosedError("none"));
  }

  async #ask(operation: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { channel, needed, order, retryMs, maxRetryMs } = this.#options;
    for (let pauseMs = retryMs;; pauseMs = Math.min(2 * pauseMs, maxRetryMs)) {
      const polled = await channel.poll(operation, signal);
      if (polled.kind === "agreed") {
        const { status, value } = polled.result;
        if (status === "ok") return value;
        throw new QueryRejectedError(fromUtf8(value));
      }
      // One of them is correct: it is a read, so that having it ordered changes nothing.
      if (polled.reads >= needed) return await order(operation, signal);
      await this.#pause(jittered(pauseMs), signal);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        cancelAlarm();
        reject(signal.reason);
      };
      const cancelAlarm = after(this.#options.timer, ms, () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
