/**
 * Follows the events of one replica, over its restarts.
 * @module
 */
import { serverEvents } from "../../page/event_lines.ts";

/** Options of {@linkcode ReplicaStream}. */
export interface ReplicaStreamOptions {
  readonly url: string;
  /** Gets each event; `data` is JSON. */
  readonly onEvent: (kind: string, data: string) => void;
  /** The replica cannot be reached. Called once until it is reached again. */
  readonly onUnreachable: (reason: string) => void;
}

const RETRY_MS = 300;

/** One stream, while it is open. */
export class ReplicaStream {
  readonly #options: ReplicaStreamOptions;
  readonly #closing = new AbortController();
  #connection = new AbortController();
  #last: number | null = null;

  constructor(options: ReplicaStreamOptions) {
    this.#options = options;
    void this.#run();
  }

  /** Connects anew, so that a snapshot of now comes. No event is lost. */
  again(): void {
    this.#connection.abort();
  }

  /** Ends it. */
  close(): void {
    this.#closing.abort();
    this.#connection.abort();
  }

  /** Waits before the next attempt, or until the end. */
  #pause(): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const id = setTimeout(resolve, RETRY_MS);
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
      function end() {
        clearTimeout(id);
        resolve();
      }
    });
  }

  async #run(): Promise<void> {
    let isKnownDown = false;
    while (!this.#closing.signal.aborted) {
      this.#connection = new AbortController();
      const { signal } = this.#connection;
      try {
        const headers: HeadersInit = this.#last === null ? {} : { "last-event-id": String(this.#last) };
        const response = await fetch(`${this.#options.url}/events?messages`, { headers, signal });
        if (!response.ok) throw new Error(`the replica answers ${response.status}`);
        isKnownDown = false;
        for await (const { id, kind, data } of serverEvents(response.body!)) {
          if (id !== null) this.#last = id;
          this.#options.onEvent(kind, data);
        }
        continue;
      } catch (error) {
        if (signal.aborted) continue;
        if (!isKnownDown) this.#options.onUnreachable((error as Error).message);
        isKnownDown = true;
      }
      await this.#pause();
    }
  }
}
