/**
 * What one kind of sender brings, and how much of a turn it may take. Lanes do not share: however much one sender brings, the others wait for no
 * more of it than its part of a turn.
 * @module
 */
import { type Entry, Inbox } from "./inbox.ts";
import type { NodeLimits } from "../limits.ts";
import type { Rejection } from "../ports.ts";

/** How much work a lane may make. */
export interface LaneBounds {
  readonly limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  /** Work in one turn, us. A step that has begun is finished. */
  readonly usPerTurn: number;
  /** Work in the long run, us per ms; no bound if left out. */
  readonly usPerMs?: number;
}

/** Work that is begun: gives what its next step costs, us. */
export type Steps<T> = Generator<number, T>;

/** What a frame costs beside its steps, us. */
const FRAME_US = 1;
/** What a lane with a bound in the long run may have saved up, as many turns. */
const SAVED_TURNS = 20;

/** Frames of one kind of sender, in order. `T`: what comes of one. */
export class Lane<T> {
  readonly #bounds: LaneBounds;
  readonly #inbox: Inbox;
  readonly #monotonic: () => number;
  #waiting: Entry[] = [];
  #begun: { readonly entry: Entry; readonly steps: Steps<T> } | null = null;
  #saved: number;
  #savedAt: number;

  constructor(bounds: LaneBounds, monotonic: () => number) {
    this.#bounds = bounds;
    this.#inbox = new Inbox(bounds.limits);
    this.#monotonic = monotonic;
    this.#saved = SAVED_TURNS * bounds.usPerTurn;
    this.#savedAt = monotonic();
  }

  /** Frames that are not answered yet. */
  get frames(): number {
    return this.#inbox.frames;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#inbox.bytes;
  }

  /** Whether there is something to check. */
  get hasMore(): boolean {
    return this.#begun !== null || this.#waiting.length > 0 || this.#inbox.hasMore;
  }

  /** How long until it may work again, ms; 0: now. */
  get restMs(): number {
    const { usPerMs } = this.#bounds;
    if (usPerMs === undefined) return 0;
    const saved = this.#save(usPerMs);
    return saved > 0 ? 0 : Math.ceil((1 - saved) / usPerMs);
  }

  /** Takes a frame in; `overloaded` if there is no room for it. */
  add(entry: Entry): Rejection | null {
    return this.#inbox.add(entry);
  }

  /** The room that it took is free again. */
  settle(entry: Entry, rejection: Rejection | null): void {
    this.#inbox.settle(entry, rejection);
  }

  /** Does one turn's work, `max` frames at most: begins frames by `begin`, and gives what came of those that are done. */
  *turn(max: number, begin: (entry: Entry) => Steps<T>): Generator<readonly [Entry, T]> {
    if (this.restMs > 0) return;
    let left = this.#bounds.usPerTurn;
    for (let count = 0; count < max && left > 0;) {
      const work = this.#begun ?? this.#next(begin);
      if (!work) break;
      this.#begun = work;
      const step = work.steps.next();
      if (!step.done) {
        left -= step.value;
        continue;
      }
      this.#begun = null;
      left -= FRAME_US;
      count++;
      yield [work.entry, step.value];
    }
    this.#saved -= this.#bounds.usPerTurn - left;
  }

  #next(begin: (entry: Entry) => Steps<T>): { readonly entry: Entry; readonly steps: Steps<T> } | null {
    // Taken one by one from the end: shifting a queue of thousands would cost more than what is in it.
    if (this.#waiting.length === 0) this.#waiting = this.#inbox.take().toReversed();
    const entry = this.#waiting.pop();
    return entry ? { entry, steps: begin(entry) } : null;
  }

  #save(usPerMs: number): number {
    const now = this.#monotonic();
    const most = SAVED_TURNS * this.#bounds.usPerTurn;
    this.#saved = Math.min(most, this.#saved + Math.max(0, now - this.#savedAt) * usPerMs);
    this.#savedAt = now;
    return this.#saved;
  }
}
