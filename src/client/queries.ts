/**
 * Reads without ordering: sends a query to all replicas, and has it ordered if they do not agree.
 * @module
 */
import { fromUtf8 } from "../wire/mod.ts";
import type { Channel } from "./calls/channel.ts";
import { ClientClosedError, QueryRejectedError, QueueFullError, TimeoutError } from "./errors.ts";
import { Semaphore } from "./calls/semaphore.ts";
import type { ClientSettings } from "./options.ts";
import { Shared } from "./calls/shared.ts";
import { jittered } from "./transport/random.ts";
import { after } from "./transport/timer.ts";

type QuerySettings = Pick<
  ClientSettings,
  | "timer"
  | "timeoutMs"
  | "retryMs"
  | "maxRetryMs"
  | "maxQueriesInFlight"
  | "maxWaitingOperations"
  | "maxWaitingBytes"
>;

/** What {@linkcode Queries} is made from. */
export interface QueriesOptions extends QuerySettings {
  readonly channel: Channel;
  /** f + 1: among this many replicas at least one is correct. */
  readonly needed: number;
  /** Has an operation ordered and executed. */
  readonly order: (operation: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
}

/** The queries of one client. */
export class Queries {
  readonly #options: QueriesOptions;
  readonly #open = new Set<AbortController>();
  readonly #semaphore: Semaphore;
  /** The queries that wait, by operation. */
  readonly #waiting = new Map<string, Shared>();

  constructor(options: QueriesOptions) {
    this.#options = options;
    this.#semaphore = new Semaphore({
      maxInFlight: options.maxQueriesInFlight,
      maxWaiting: options.maxWaitingOperations,
      maxBytes: options.maxWaitingBytes,
    });
  }

  /** Returns the state machine's answer. @throws {QueueFullError} if too many queries wait already. */
  async query(operation: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const { timer, timeoutMs, maxWaitingOperations, maxQueriesInFlight } = this.#options;
    if (this.#open.size >= maxWaitingOperations + maxQueriesInFlight) throw new QueueFullError(this.#open.size, 0);
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal!.reason);
    signal?.addEventListener("abort", onAbort);
    const cancelAlarm = after(timer, timeoutMs, () => controller.abort(new TimeoutError(timeoutMs, "none")));
    this.#open.add(controller);
    try {
      return await this.#shared(operation).wait(controller.signal);
    } finally {
      this.#open.delete(controller);
      cancelAlarm();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Ends all queries. */
  close(): void {
    for (const controller of this.#open) controller.abort(new ClientClosedError("none"));
  }

  /** Callers with the same operation share one query while it waits. That is linearizable: it starts after each of them called. */
  #shared(operation: Uint8Array): Shared {
    const key = keyOf(operation);
    const waiting = this.#waiting.get(key);
    if (waiting && !waiting.isAbandoned) return waiting;
    const shared = new Shared(async (signal) => {
      try {
        await this.#semaphore.enter(operation.length, signal);
      } finally {
        if (this.#waiting.get(key) === shared) this.#waiting.delete(key);
      }
      try {
        return await this.#ask(operation, signal);
      } finally {
        this.#semaphore.leave();
      }
    });
    this.#waiting.set(key, shared);
    shared.start();
    return shared;
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
      // One of these replicas is correct, so the operation is a read, and ordering it changes nothing.
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

function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}
