/**
 * The queue of one source of frames, and its share of a turn. Queues are independent: however much one source sends,
 * the others wait only for its share of a turn.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { MAX_BODY_BYTES } from "../../wire/mod.ts";
import { type Entry, Inbox } from "./inbox.ts";
import type { NodeLimits } from "../limits.ts";
import type { Rejection } from "../ports.ts";

/** Bounds of one queue. */
export interface QueueBounds {
  readonly limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  /** Work per turn, us. A step that has begun is finished. */
  readonly usPerTurn: number;
  /** Whose frames they are, where that matters. */
  readonly source?: FrameSource | "clients";
  /** Average work, us per ms. Default: unlimited. */
  readonly usPerMs?: number;
}

/** The source of frames: a member that has proved itself, strangers, or `host`: the host is responsible for them. */
export type FrameSource = ReplicaId | "strangers" | "host";

/**
 * Work per turn for all members' queues together, and for the clients' queue, us. Other work waits no longer than that.
 */
const MEMBERS_US_PER_TURN = 24_000;
const CLIENTS_US_PER_TURN = 8_000;
/** Work per turn for strangers, us, and per ms: 6 % of a core, about 1,000 signatures a second. */
const STRANGERS_US_PER_TURN = 1_000;
const STRANGERS_US_PER_MS = 60;
/** Limits of the strangers' queue. */
const STRANGERS_LIMITS = { maxInboxFrames: 4_096, maxInboxBytes: 16 * 1024 * 1024 };

/** A member may always fill this much, whatever its share is: one delivery of the largest size. */
const MEMBERS_LEAST = { maxInboxFrames: 4_096, maxInboxBytes: MAX_BODY_BYTES };

/** The bounds of the queue of a source. `limits`: those of the clients, of the host, and of all other members together. */
export function boundsOf(source: FrameSource | "clients", limits: QueueBounds["limits"], n: number): QueueBounds {
  switch (source) {
    case "host":
      return { source, limits, usPerTurn: Infinity };
    case "clients":
      return { source, limits, usPerTurn: CLIENTS_US_PER_TURN };
    case "strangers":
      return { source, limits: STRANGERS_LIMITS, usPerTurn: STRANGERS_US_PER_TURN, usPerMs: STRANGERS_US_PER_MS };
    default:
      return { source, limits: shareOf(limits, n), usPerTurn: MEMBERS_US_PER_TURN / Math.max(1, n - 1) };
  }
}

function shareOf(limits: QueueBounds["limits"], n: number): QueueBounds["limits"] {
  const share = (all: number, least: number) => Math.min(all, Math.max(least, Math.floor(all / Math.max(1, n - 1))));
  return {
    maxInboxFrames: share(limits.maxInboxFrames, MEMBERS_LEAST.maxInboxFrames),
    maxInboxBytes: share(limits.maxInboxBytes, MEMBERS_LEAST.maxInboxBytes),
  };
}

/** Work in progress. Yields the cost of the next step, us. */
export type Steps<T> = Generator<number, T>;

/** Fixed cost of a frame beside its steps, us. */
const FRAME_US = 1;
/** Maximum credit of a queue with an average bound, in turns. */
const MAX_CREDIT_TURNS = 20;

/** The frames of one source, in order. `T`: the result of checking one. */
export class SourceQueue<T> {
  readonly #bounds: QueueBounds;
  readonly #inbox: Inbox;
  readonly #monotonic: () => number;
  #waiting: Entry[] = [];
  #begun: { readonly entry: Entry; readonly steps: Steps<T> } | null = null;
  #credit: number;
  #creditAt: number;

  constructor(bounds: QueueBounds, monotonic: () => number) {
    this.#bounds = bounds;
    this.#inbox = new Inbox(bounds.limits);
    this.#monotonic = monotonic;
    this.#credit = MAX_CREDIT_TURNS * bounds.usPerTurn;
    this.#creditAt = monotonic();
  }

  /** Whose frames they are. */
  get source(): QueueBounds["source"] {
    return this.#bounds.source;
  }

  /** Number of unanswered frames. */
  get frames(): number {
    return this.#inbox.frames;
  }

  /** Bytes of those frames. */
  get bytes(): number {
    return this.#inbox.bytes;
  }

  /** Whether there are frames to check. */
  get hasMore(): boolean {
    return this.#begun !== null || this.#waiting.length > 0 || this.#inbox.hasMore;
  }

  /** How long until the queue may work again, ms; 0: it may work now. */
  get waitMs(): number {
    const { usPerMs } = this.#bounds;
    if (usPerMs === undefined) return 0;
    const credit = this.#accrue(usPerMs);
    return credit > 0 ? 0 : Math.ceil((1 - credit) / usPerMs);
  }

  /** Adds a frame. Returns an `overloaded` rejection if a bound is reached. */
  add(entry: Entry): Rejection | null {
    return this.#inbox.add(entry);
  }

  /** Answers a frame and frees its share of the bounds. */
  answer(entry: Entry, rejection: Rejection | null): void {
    this.#inbox.answer(entry, rejection);
  }

  /**
   * Does the work of one turn, at most `max` frames. `begin` starts the check of a frame. Yields each finished frame
   * with its result. What is done with a frame before the next one is asked for counts as work, too: a valid message
   * may cost the core more than its signature did.
   */
  *turn(max: number, begin: (entry: Entry) => Steps<T>): Generator<readonly [Entry, T]> {
    if (this.waitMs > 0) return;
    let left = this.#bounds.usPerTurn;
    const spend = (us: number) => {
      left -= us;
      this.#credit -= us;
    };
    for (let count = 0; count < max && left > 0;) {
      const work = this.#begun ?? this.#next(begin);
      if (!work) break;
      this.#begun = work;
      const step = work.steps.next();
      if (!step.done) {
        spend(step.value);
        continue;
      }
      this.#begun = null;
      spend(FRAME_US);
      count++;
      const yielded = this.#monotonic();
      yield [work.entry, step.value];
      spend(Math.max(0, this.#monotonic() - yielded) * 1_000);
    }
  }

  #next(begin: (entry: Entry) => Steps<T>): { readonly entry: Entry; readonly steps: Steps<T> } | null {
    // Reversed, and taken from the end: `shift` on a queue of thousands would cost more than the work itself.
    if (this.#waiting.length === 0) this.#waiting = this.#inbox.take().toReversed();
    const entry = this.#waiting.pop();
    return entry ? { entry, steps: begin(entry) } : null;
  }

  #accrue(usPerMs: number): number {
    const now = this.#monotonic();
    const most = MAX_CREDIT_TURNS * this.#bounds.usPerTurn;
    this.#credit = Math.min(most, this.#credit + Math.max(0, now - this.#creditAt) * usPerMs);
    this.#creditAt = now;
    return this.#credit;
  }
}
