/** Throughput, latency and messages, a second each. */
import type { Entry } from "./event.ts";

/** One second of a cluster. */
export interface Second {
  operations: number;
  messages: number;
  /** From a client's request to its answer at the same replica, ms. */
  readonly latencies: number[];
}

/** Seconds that are kept. */
const KEPT_SECONDS = 600;
const MAX_ASKED = 4_096;
const MAX_LATENCIES = 512;

/** Measures of one history. */
export class Measures {
  readonly #n: number;
  readonly #seconds = new Map<number, Second>();
  readonly #asked = new Map<string, number>();
  /** The highest number whose operations were counted: each replica executes it. */
  #counted = 0;

  constructor(n: number) {
    this.#n = n;
  }

  note({ event, at, replica }: Entry): void {
    switch (event.kind) {
      case "stage":
        if (event.stage !== "executed" || event.sequence <= this.#counted) return;
        this.#counted = event.sequence;
        this.#at(at).operations += event.operations;
        return;
      case "sent":
        this.#at(at).messages += event.to === "all" ? this.#n - 1 : 1;
        return;
      case "taken":
        if (event.message.kind !== "request" || typeof event.from === "number") return;
        this.#asked.set(`${event.message.digest} ${replica}`, at);
        if (this.#asked.size > MAX_ASKED) this.#asked.delete(this.#asked.keys().next().value!);
        return;
      case "replied": {
        const since = this.#asked.get(`${event.request} ${replica}`);
        const { latencies } = this.#at(at);
        if (since !== undefined && latencies.length < MAX_LATENCIES) latencies.push(at - since);
        return;
      }
      default:
        return;
    }
  }

  /** The last seconds before a time, the oldest first. */
  until(at: number, count: number): readonly (Second | undefined)[] {
    const last = Math.floor(at / 1_000);
    return Array.from({ length: count }, (_, i) => this.#seconds.get(last - count + 1 + i));
  }

  #at(at: number): Second {
    const key = Math.floor(at / 1_000);
    let second = this.#seconds.get(key);
    if (!second) {
      this.#seconds.set(key, second = { operations: 0, messages: 0, latencies: [] });
      if (this.#seconds.size > KEPT_SECONDS) this.#seconds.delete(this.#seconds.keys().next().value!);
    }
    return second;
  }
}

/** The middle one of some numbers. */
export function medianOf(numbers: readonly number[]): number | null {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted.length === 0 ? null : sorted[Math.floor((sorted.length - 1) / 2)]!;
}
