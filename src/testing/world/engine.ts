/**
 * Virtual time: events in a binary heap, run one after another. Nothing ever waits for the real clock.
 * @module
 */

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** Between two events promises settle for so many turns of the microtask queue. What takes longer goes on after the next event,
 * like code on a slow machine: always at the same place, as nothing but microtasks and these events is at work. */
const TURNS = 5;
/** With no event left, so many turns show that nothing more comes. */
const LAST_TURNS = 200;

/** After so many events at one moment time stands still. */
const MOST_AT_ONCE = 100_000;

/** Fewer cancelled events than this are not worth sweeping. */
const LEAST_CANCELLED = 64;

/** The clock and the queue of one simulation. */
export class Engine {
  readonly #heap: Event[] = [];
  #now = 0;
  #order = 0;
  #events = 0;
  /** Events at this moment. */
  #atOnce = 0;
  /** Events in the heap that won't run: most timeouts never come. */
  #cancelled = 0;
  /** What is waited for before time goes on. */
  readonly #held: Promise<() => void>[] = [];

  /** Virtual milliseconds since the start, with fractions. */
  get now(): number {
    return this.#now;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Whether something wakes itself again and again, so that time does not go on. */
  get isStuck(): boolean {
    return this.#atOnce > MOST_AT_ONCE;
  }

  /** Runs `run` after so many virtual ms; of those that are due together, the one that was set first. */
  after(ms: number, run: () => void): void {
    this.#push({ at: this.#now + Math.max(0, ms), order: this.#order++, run });
  }

  /** As {@linkcode Engine.after}; gives what cancels it. */
  alarm(ms: number, run: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    this.#push(event);
    return () => {
      if (event.run === null) return;
      event.run = null;
      if (++this.#cancelled > LEAST_CANCELLED && 2 * this.#cancelled > this.#heap.length) this.#sweep();
    };
  }

  /** Time stands still until `promise` has settled, however long that really takes, and `ended` has been told. */
  hold<T>(promise: Promise<T>, ended: (outcome: PromiseSettledResult<T>) => void): void {
    this.#held.push(
      promise.then(
        (value) => () => ended({ status: "fulfilled", value }),
        (reason) => () => ended({ status: "rejected", reason }),
      ),
    );
  }

  /** Runs what is due until then, until `isDone`, or until it {@linkcode isStuck}. */
  async run(until: number, isDone: () => boolean): Promise<void> {
    for (;;) {
      while (this.#held.length > 0) (await this.#held.shift()!)();
      if (isDone() || this.isStuck) return;
      const next = this.#heap[0];
      if (next === undefined) {
        for (let turn = 0; turn < LAST_TURNS; turn++) await null;
        if (this.#heap.length === 0) break;
        continue;
      }
      if (next.at > until) break;
      this.#pop();
      if (next.run === null) {
        this.#cancelled--;
        continue;
      }
      this.#atOnce = next.at === this.#now ? this.#atOnce + 1 : 0;
      this.#now = next.at;
      this.#events++;
      const { run } = next;
      next.run = null;
      run();
      while (this.#held.length > 0) (await this.#held.shift()!)();
      for (let turn = 0; turn < TURNS; turn++) await null;
    }
    if (this.#now < until) this.#now = until;
  }

  /** Takes the cancelled events out. */
  #sweep(): void {
    const heap = this.#heap;
    let kept = 0;
    for (const event of heap) if (event.run !== null) heap[kept++] = event;
    heap.length = kept;
    this.#cancelled = 0;
    for (let at = (kept >> 1) - 1; at >= 0; at--) this.#sink(heap[at]!, at);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last, 0);
  }

  /** Puts an event at a place, or as far below as it belongs. */
  #sink(event: Event, at: number): void {
    const heap = this.#heap;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(event, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
