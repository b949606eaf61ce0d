/**
 * The events to come in virtual time: a binary heap, by time and then in the order in which they were set.
 * @module
 */

/** An event to come. */
export interface QueuedEvent {
  /** When, virtual ms. */
  readonly at: number;
  readonly order: number;
  /** `null` once it has been taken or cancelled. */
  run: (() => void) | null;
}

/** Fewer cancelled events than this are not worth sweeping. */
const LEAST_CANCELLED = 64;

/** The events of one virtual clock. Events at one time come in the order in which they were set. */
export class EventQueue {
  readonly #heap: QueuedEvent[] = [];
  #order = 0;
  /** Cancelled events that are still in the heap: most timeouts never come. */
  #cancelled = 0;

  /** When the next event is due, virtual ms; `Infinity`: there is none. */
  get nextAt(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.run === null) this.#dropCancelled();
    return this.#heap[0]?.at ?? Infinity;
  }

  /** The events that are set, in no order. */
  get events(): readonly QueuedEvent[] {
    return this.#heap.filter(({ run }) => run !== null);
  }

  /** Sets an event. */
  push(at: number, run: () => void): QueuedEvent {
    const event: QueuedEvent = { at, order: this.#order++, run };
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = event;
    return event;
  }

  /** Takes the next event out and gives what it runs. There must be one: see {@linkcode EventQueue.nextAt}. */
  take(): () => void {
    while (this.#heap[0]!.run === null) this.#dropCancelled();
    const next = this.#heap[0]!;
    this.#pop();
    const run = next.run!;
    next.run = null;
    return run;
  }

  /** The event won't happen. Does nothing if it has happened. */
  cancel(event: QueuedEvent): void {
    if (event.run === null) return;
    event.run = null;
    if (++this.#cancelled > LEAST_CANCELLED && 2 * this.#cancelled > this.#heap.length) this.#sweep();
  }

  #dropCancelled(): void {
    this.#pop();
    this.#cancelled--;
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

  #pop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#sink(last, 0);
  }

  /** Puts an event at a place, or as far below as it belongs. */
  #sink(event: QueuedEvent, at: number): void {
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

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
