/**
 * All queues of received frames of one node: one for each source.
 * @module
 */
import { boundsOf, type FrameSource, type QueueBounds, SourceQueue } from "./source_queue.ts";

/** Options of {@linkcode SourceQueues}. */
export interface SourceQueuesOptions {
  readonly limits: QueueBounds["limits"];
  /** Number of replicas. */
  readonly n: number;
  /** A monotonic clock, ms. */
  readonly monotonic: () => number;
}

/** The queues, made when their source first sends something. `T`: the result of checking a frame. */
export class SourceQueues<T> {
  readonly #options: SourceQueuesOptions;
  readonly #queues = new Map<FrameSource | "clients", SourceQueue<T>>();

  constructor(options: SourceQueuesOptions) {
    this.#options = options;
  }

  /** Unanswered frames of all sources. */
  get frames(): number {
    return this.#sum((queue) => queue.frames);
  }

  /** Bytes of those frames. */
  get bytes(): number {
    return this.#sum((queue) => queue.bytes);
  }

  /** Unanswered frames of the source that has most, and the bytes of the source that has most. */
  get most(): { readonly frames: number; readonly bytes: number } {
    const queues = [...this.#queues.values()];
    return {
      frames: Math.max(0, ...queues.map((queue) => queue.frames)),
      bytes: Math.max(0, ...queues.map((queue) => queue.bytes)),
    };
  }

  /** Whether a queue has something to check now. */
  get hasMore(): boolean {
    for (const queue of this.#queues.values()) if (queue.hasMore && queue.waitMs === 0) return true;
    return false;
  }

  /** The queue of a source. */
  of(source: FrameSource | "clients"): SourceQueue<T> {
    let queue = this.#queues.get(source);
    if (!queue) {
      const { limits, n, monotonic } = this.#options;
      queue = new SourceQueue(boundsOf(source, limits, n), monotonic);
      this.#queues.set(source, queue);
    }
    return queue;
  }

  [Symbol.iterator](): IterableIterator<[FrameSource | "clients", SourceQueue<T>]> {
    return this.#queues.entries();
  }

  #sum(of: (queue: SourceQueue<T>) => number): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += of(queue);
    return sum;
  }
}
