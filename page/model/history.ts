/** The events that the page keeps, and the cluster's state at any of them. */
import { type Arrow, Arrows } from "./arrows.ts";
import { Clocks } from "./clocks.ts";
import type { ClusterFacts, Entry, PageEvent } from "./event.ts";
import { apply, type ClusterView, copyOf, newClusterView } from "./replica_view.ts";

/** Events that are kept. */
export const MAX_ENTRIES = 20_000;
/** So many are dropped at once. */
const DROPPED_AT_ONCE = 1_000;
/** How far back an event may be put, places: streams of several replicas are not in step. */
const MOST_LATE = 400;

/** A history of one cluster. */
export class History {
  readonly facts: ClusterFacts;
  readonly clocks = new Clocks();
  readonly #arrows: Arrows;
  /** By time. */
  #entries: Entry[] = [];
  /** The arrows of each entry. */
  #arrowsOf = new Map<number, readonly Arrow[]>();
  #nextN = 0;
  #forgotten = 0;
  /** The state before the first kept entry. */
  #base: ClusterView;
  /** The state after `#reached` of the kept entries. */
  #state: ClusterView;
  #reached = 0;

  /** `hasOneClock`: all replicas' times are of one clock. */
  constructor(facts: ClusterFacts, hasOneClock = false) {
    this.facts = facts;
    this.#arrows = new Arrows(facts.members.length);
    if (!hasOneClock) {
      this.#arrows.onJoined = (from, to, sentAt, takenAt) => {
        const { clocks } = this;
        clocks.note(from, to, sentAt - clocks.offsetOf(from), takenAt - clocks.offsetOf(to));
      };
    }
    this.#base = newClusterView(facts);
    this.#state = copyOf(this.#base);
  }

  /** The state before the first kept entry. It must not be changed. */
  get start(): ClusterView {
    return this.#base;
  }

  /** Number of kept entries. */
  get length(): number {
    return this.#entries.length;
  }

  /** So many entries were kept before, and are not any more. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** So many of the kept entries stay in their places: what is added comes after them. */
  get settled(): number {
    return Math.max(0, this.length - MOST_LATE);
  }

  /** The entry at a place. */
  at(index: number): Entry | undefined {
    return this.#entries[index];
  }

  /** The time of the last event, ms. */
  get lastAt(): number {
    return this.#entries.at(-1)?.at ?? 0;
  }

  /** The time of the first kept event, ms. */
  get firstAt(): number {
    return this.#entries[0]?.at ?? 0;
  }

  /** The arrows that begin or end with an entry. */
  arrowsOf(entry: Entry): readonly Arrow[] {
    return this.#arrowsOf.get(entry.n) ?? [];
  }

  /** Adds an event. */
  add(replica: number, at: number, event: PageEvent): Entry {
    const entry: Entry = { n: this.#nextN++, replica, at: at + this.clocks.offsetOf(replica), event };
    let place = this.#entries.length;
    const least = Math.max(0, place - MOST_LATE);
    while (place > least && this.#entries[place - 1]!.at > entry.at) place--;
    if (place === this.#entries.length) this.#entries.push(entry);
    else this.#entries.splice(place, 0, entry);
    if (place < this.#reached) this.#restart();
    const arrows = this.#arrows.note(entry);
    if (arrows.length > 0) this.#arrowsOf.set(entry.n, arrows);
    if (this.#entries.length > MAX_ENTRIES) this.#forget();
    return entry;
  }

  /** How many entries are not later than a time. */
  countUntil(at: number): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.at <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The state after the first `count` entries. It must not be changed. */
  stateAfter(count: number): ClusterView {
    if (count < this.#reached) this.#restart();
    for (; this.#reached < count; this.#reached++) apply(this.#state, this.#entries[this.#reached]!);
    return this.#state;
  }

  #restart(): void {
    this.#state = copyOf(this.#base);
    this.#reached = 0;
  }

  #forget(): void {
    for (const entry of this.#entries.splice(0, DROPPED_AT_ONCE)) {
      apply(this.#base, entry);
      this.#arrowsOf.delete(entry.n);
    }
    this.#forgotten += DROPPED_AT_ONCE;
    this.#reached -= DROPPED_AT_ONCE;
    if (this.#reached < 0) this.#restart();
  }
}
