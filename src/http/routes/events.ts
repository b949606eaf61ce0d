/**
 * `GET /events`: what happens in the replica, as server-sent events, for dashboards and the curious.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Event } from "../../core/events.ts";
import type { Observer, Timer } from "../../node/ports.ts";
import { Problem } from "../problem.ts";

/** Bounds of the stream. */
export interface EventStreamOptions {
  readonly timer: Timer;
  /** Events kept for a subscriber that reads too slowly; what comes beyond is dropped and counted in the stream. */
  readonly maxQueued: number;
  readonly maxSubscribers: number;
  /** A comment is sent this often, so that proxies keep an idle stream open, ms. */
  readonly keepAliveMs: number;
}

/** Fans the events of one replica out to its subscribers. */
export class EventStreams implements Observer {
  readonly #options: EventStreamOptions;
  readonly #subscribers = new Set<Subscriber>();
  #stopKeepAlive: (() => void) | null = null;
  #nextId = 1;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Streams open now. */
  get size(): number {
    return this.#subscribers.size;
  }

  onEvent(event: Event, now: number): void {
    if (this.#subscribers.size === 0) return;
    const id = this.#nextId++;
    // A stack has paths of the host in it, and is for its log.
    const shown = event.kind === "operation-failed" ? { ...event, stack: undefined } : event;
    const text = `id: ${id}\nevent: ${event.kind}\ndata: ${JSON.stringify({ at: now, ...shown })}\n\n`;
    for (const subscriber of this.#subscribers) subscriber.send(text);
  }

  /** A new stream. One address gets no more than what is left for others. @throws {Problem} 429 if there are too many. */
  subscribe(network?: string): Response {
    const free = this.#options.maxSubscribers - this.#subscribers.size;
    const own = [...this.#subscribers].filter((subscriber) => subscriber.network === network).length;
    if (free <= 0 || (network !== undefined && own >= free)) {
      throw new Problem("overloaded", {
        detail: `at most ${this.#options.maxSubscribers} event streams are served at once`,
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
      for (const subscriber of this.#subscribers) subscriber.send(": still here\n\n");
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
