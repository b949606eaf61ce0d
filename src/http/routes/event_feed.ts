/**
 * A numbered stream of events for any number of readers, as server-sent events. A reader that comes back gets what it
 * missed, as far as that is kept; a slow one is told how many events were dropped.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";

/** Options of {@linkcode EventFeed}. */
export interface EventFeedOptions {
  readonly timer: Timer;
  /** Events buffered for a slow reader. Further ones are dropped. */
  readonly maxQueued: number;
  /** Events kept for readers that come back. */
  readonly maxKept: number;
  /** Called when the first reader comes, and with `false` when nobody has read for {@linkcode KEPT_FOR_MS}. */
  readonly onWanted?: (isWanted: boolean) => void;
}

/** How long events are recorded after the last reader has left, so that it can come back, ms. */
export const KEPT_FOR_MS = 10_000;
/** The delay after which a browser reconnects, ms. */
const RETRY_MS = 1_000;

/** One stream. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #readers = new Set<Reader>();
  /** The newest events as text; the last one has the number `#nextId - 1`. */
  #kept: string[] = [];
  #nextId = 1;
  #isWanted = false;
  #cancelEnd: (() => void) | null = null;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** Number of readers. */
  get size(): number {
    return this.#readers.size;
  }

  /** Whether events are recorded: somebody reads, or has just left. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** The number of readers from one network. */
  readersFrom(network: string): number {
    return [...this.#readers].filter((reader) => reader.network === network).length;
  }

  /** Sends an event to all readers. `make` is not called if nobody wants it. */
  send(kind: string, make: () => unknown): void {
    if (this.#isWanted) this.sendJson(kind, JSON.stringify(make()));
  }

  /** As {@linkcode EventFeed.send}, for an event that is JSON without line breaks already. */
  sendJson(kind: string, json: string): void {
    if (!this.#isWanted) return;
    const id = this.#nextId++;
    const text = `id: ${id}\nevent: ${kind}\ndata: ${json}\n\n`;
    this.#kept.push(text);
    if (this.#kept.length > 2 * this.#options.maxKept) this.#kept.splice(0, this.#options.maxKept);
    for (const reader of this.#readers) reader.send(text);
  }

  /** Keeps idle streams open. */
  sendComment(): void {
    for (const reader of this.#readers) reader.send(": keep-alive\n\n");
  }

  /**
   * Opens a stream. It begins with `snapshot`, an event without a number. `after`: the number of the last event that
   * the reader has got, if it comes back.
   */
  open(snapshot: Readonly<Record<string, unknown>>, { after = null, network }: ReaderOptions = {}): Response {
    this.#want();
    const { missed, lost } = after === null ? { missed: [], lost: 0 } : this.#since(after);
    const last = this.#nextId - 1;
    const start = `retry: ${RETRY_MS}\n\nevent: snapshot\ndata: ${JSON.stringify({ ...snapshot, last })}\n\n` +
      (lost > 0 ? dropped(lost) : "") + missed.join("");
    const reader = new Reader(network, start, this.#options.maxQueued, () => this.#leave(reader));
    this.#readers.add(reader);
    return new Response(reader.stream, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
    });
  }

  /** Ends all streams. */
  close(): void {
    for (const reader of this.#readers) reader.close();
    this.#readers.clear();
    this.#end();
  }

  /** What a reader has missed, and how many events of that are not kept any more. */
  #since(after: number): { readonly missed: readonly string[]; readonly lost: number } {
    const last = this.#nextId - 1;
    // A number of the future is that of an earlier process of this replica: all events of this one are new.
    const missing = after > last ? last : last - after;
    const found = Math.min(missing, this.#kept.length, this.#options.maxKept);
    return { missed: found === 0 ? [] : this.#kept.slice(-found), lost: missing - found };
  }

  #leave(reader: Reader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    const { timer } = this.#options;
    this.#cancelEnd?.();
    this.#cancelEnd = timer.schedule(millis(timer.now() + KEPT_FOR_MS), () => this.#end());
  }

  #want(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = null;
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#options.onWanted?.(true);
  }

  #end(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = null;
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.#kept = [];
    this.#options.onWanted?.(false);
  }
}

/** A reader. */
export interface ReaderOptions {
  readonly after?: number | null;
  readonly network?: string | undefined;
}

/** The number in the header `Last-Event-ID`; `null` if it is none. */
export function lastEventId(header: string | undefined | null): number | null {
  return header && /^[0-9]{1,15}$/.test(header) ? Number(header) : null;
}

class Reader {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #dropped = 0;

  constructor(readonly network: string | undefined, start: string, maxQueued: number, onCancel: () => void) {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(encode(start));
      },
      cancel: onCancel,
    }, { highWaterMark: maxQueued });
  }

  send(text: string): void {
    if ((this.#controller.desiredSize ?? 0) <= 0) {
      if (!text.startsWith(":")) this.#dropped++;
      return;
    }
    const lost = this.#dropped > 0 ? dropped(this.#dropped) : "";
    this.#dropped = 0;
    this.#controller.enqueue(encode(lost + text));
  }

  close(): void {
    try {
      this.#controller.close();
    } catch { /* its reader has gone already */ }
  }
}

function dropped(events: number): string {
  return `event: dropped\ndata: {"events":${events}}\n\n`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
