/**
 * `GET /events`: the events of the replica as server-sent events, for dashboards and debugging.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import type { Observer, Timer } from "../../node/ports.ts";
import { Problem } from "../problem.ts";

/** Options of the event streams. */
export interface EventStreamOptions {
  readonly timer: Timer;
  /** Events buffered for a slow subscriber. Further ones are dropped, and the stream says how many. */
  readonly maxQueued: number;
  readonly maxSubscribers: number;
  /** Interval of keep-alive comments, ms. Without them proxies close an idle stream. */
  readonly keepAliveMs: number;
}

/** Sends the events of one replica to all its subscribers. */
export class EventStreams implements Observer {
  readonly #options: EventStreamOptions;
  readonly #subscribers = new Set<Subscriber>();
  #stopKeepAlive: (() => void) | null = null;
  #nextId = 1;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Number of open streams. */
  get size(): number {
    return this.#subscribers.size;
  }

  onEvent(event: ReplicaEvent, now: number): void {
    if (this.#subscribers.size === 0) return;
    const id = this.#nextId++;
    // A stack trace contains paths of the host: it goes to the log only.
    const shown = event.kind === "operation-failed" ? { ...event, stack: undefined } : event;
    const text = `id: ${id}\nevent: ${event.kind}\ndata: ${JSON.stringify({ at: now, ...shown })}\n\n`;
    for (const subscriber of this.#subscribers) subscriber.send(text);
  }

  /**
   * Opens a stream. One address may have at most as many as are left for all others.
   * @throws {Problem} 429 if there are too many.
   */
  subscribe(network?: string): Response {
    const free = this.#options.maxSubscribers - this.#subscribers.size;
    const own = [...this.#subscribers].filter((subscriber) => subscriber.network === network).length;
    if (free <= 0 || (network !== undefined && own >= free)) {
      throw new Problem("overloaded", {
        detail:
          `too many event streams: at most ${this.#options.maxSubscribers} at once; close one, or try again later`,
      });
    }
    const subscriber = new Subscriber(network, this.#options.maxQueued, () => this.#subscribers.delete(subscriber));
    this.#subscribers.add(subscriber);
    this.#keepAlive();
    return new Response(subscriber.stream, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
    });
  }

  /** Ends all streams. */
  close(): void {
    this.#stopKeepAlive?.();
    this.#stopKeepAlive = null;
    for (const subscriber of this.#subscribers) subscriber.close();
    this.#subscribers.clear();
  }

  #keepAlive(): void {
    if (this.#stopKeepAlive !== null || this.#subscribers.size === 0) return;
    const { timer, keepAliveMs } = this.#options;
    this.#stopKeepAlive = timer.schedule(millis(timer.now() + keepAliveMs), () => {
      this.#stopKeepAlive = null;
      for (const subscriber of this.#subscribers) subscriber.send(": keep-alive\n\n");
      this.#keepAlive();
    });
  }
}

class Subscriber {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #dropped = 0;

  constructor(readonly network: string | undefined, maxQueued: number, onCancel: () => void) {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(encode("retry: 1000\n\n"));
      },
      cancel: onCancel,
    }, { highWaterMark: maxQueued });
  }

  send(text: string): void {
    if ((this.#controller.desiredSize ?? 0) <= 0) {
      this.#dropped++;
      return;
    }
    const lost = this.#dropped > 0 ? `event: dropped\ndata: {"events":${this.#dropped}}\n\n` : "";
    this.#dropped = 0;
    this.#controller.enqueue(encode(lost + text));
  }

  close(): void {
    try {
      this.#controller.close();
    } catch { /* its reader has gone already */ }
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
