/**
 * The queue of one source of frames, and its share of a turn. Queues are independent: however much one source sends,
 * the others wait only for its share of a turn.
 * @module
 */
import type { ReplicaId } from "../../../core/messages/ids.ts";
import { MAX_BODY_BYTES } from "../../../wire/mod.ts";
import { Charge } from "./charge.ts";
import { type Entry, Inbox } from "./inbox.ts";
import type { NodeLimits } from "../../limits.ts";
import type { Rejection } from "../../ports.ts";

/** Bounds of one queue. */
export interface QueueBounds {
  readonly limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  /** Work per turn, us. A step that has begun is finished. */
  readonly usPerTurn: number;
  /** Whose frames they are, where that matters. */
  readonly source?: FrameSource | "clients";
  /** Average work that was of no use (see {@linkcode Charge}), us per ms. Default: unlimited. */
  readonly usPerMs?: number;
  /** How much of it may come at once, us. Default: that of 20 turns. */
  readonly maxCreditUs?: number;
}

/** The source of frames: a member that has proved itself, strangers, or `host`: the host is responsible for them. */
export type FrameSource = ReplicaId | "strangers" | "host";

/**
 * Work per turn for all members' queues together, and for the clients' queue, us. Other work waits no longer than that.
 */
const MEMBERS_US_PER_TURN = 24_000;
const CLIENTS_US_PER_TURN = 8_000;
/**
 * Work of no use of all other members together, us per ms: for one of four 5 % of a core. A correct member's statuses,
 * repetitions, and votes that came too late take about 1 %.
 */
const MEMBERS_US_PER_MS = 150;
/** For each member at least this much: from ten members on, f of them together get more than 5 %. */
const MEMBERS_LEAST_US_PER_MS = 25;
/**
 * As much of it at once, us. Correct members were seen to use 0.24 s, on a host with ten times as much to do as it can,
 * where one replica caught up and the primary was killed.
 */
const MEMBERS_CREDIT_US = 400_000;
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
    default: {
      const others = Math.max(1, n - 1);
      return {
        source,
        limits: shareOf(limits, n),
        usPerTurn: MEMBERS_US_PER_TURN / others,
        usPerMs: Math.max(MEMBERS_LEAST_US_PER_MS, MEMBERS_US_PER_MS / others),
        maxCreditUs: MEMBERS_CREDIT_US,
      };
    }
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

/** A frame whose check is finished. `T`: the result. */
export interface Checked<T> {
  readonly entry: Entry;
  readonly result: T;
  readonly charge: Charge;
}

/** Fixed cost of a frame beside its steps, us. */
const FRAME_US = 1;
/**
 * The most that is charged for a frame beyond the estimates of its steps, us. More is not its source's work: a slice of
 * a checkpoint was due, or the host stopped for a while.
 */
const MAX_CHARGE_US = 25_000;
/** Maximum credit of a queue with an average bound, in turns. */
const MAX_CREDIT_TURNS = 20;

/** A frame whose check has begun. */
interface Begun<T> {
  readonly entry: Entry;
  readonly steps: Steps<T>;
  readonly charge: Charge;
  /** Work so far by the estimates of its steps, us. */
  estimatedUs: number;
  /** The same as measured. */
  measuredUs: number;
}

/** The frames of one source, in order. `T`: the result of checking one. */
export class SourceQueue<T> {
  readonly #bounds: QueueBounds;
  readonly #inbox: Inbox;
  readonly #monotonic: () => number;
  #waiting: Entry[] = [];
  #begun: Begun<T> | null = null;
  readonly #maxCredit: number;
  #credit: number;
  #creditAt: number;

  constructor(bounds: QueueBounds, monotonic: () => number) {
    this.#bounds = bounds;
    this.#inbox = new Inbox(bounds.limits);
    this.#monotonic = monotonic;
    this.#maxCredit = bounds.maxCreditUs ?? MAX_CREDIT_TURNS * bounds.usPerTurn;
    this.#credit = this.#maxCredit;
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
  *turn(max: number, begin: (entry: Entry) => Steps<T>): Generator<Checked<T>> {
    if (this.waitMs > 0) return;
    let left = this.#bounds.usPerTurn;
    for (let count = 0; count < max && left > 0;) {
      const work = this.#begun ?? this.#next(begin);
      if (!work) break;
      this.#begun = work;
      const { entry, steps, charge } = work;
      const began = this.#monotonic();
      const step = steps.next();
      work.measuredUs += this.#usSince(began);
      const us = step.done ? FRAME_US : step.value;
      work.estimatedUs += us;
      left -= us;
      charge.add(us);
      if (!step.done) continue;
      this.#begun = null;
      count++;
      const yielded = this.#monotonic();
      yield { entry, result: step.value, charge };
      const afterwardsUs = this.#usSince(yielded);
      left -= afterwardsUs;
      // On a slow or busy host all of it takes longer than estimated.
      const moreUs = Math.max(0, work.measuredUs - work.estimatedUs) + afterwardsUs;
      charge.add(Math.min(MAX_CHARGE_US, moreUs));
    }
  }

  #next(begin: (entry: Entry) => Steps<T>): Begun<T> | null {
    // Reversed, and taken from the end: `shift` on a queue of thousands would cost more than the work itself.
    if (this.#waiting.length === 0) this.#waiting = this.#inbox.take().toReversed();
    const entry = this.#waiting.pop();
    if (!entry) return null;
    const charge = new Charge(this.#spend);
    charge.add(entry.overheadUs ?? 0);
    return { entry, steps: begin(entry), charge, estimatedUs: 0, measuredUs: 0 };
  }

  #usSince(at: number): number {
    return Math.max(0, this.#monotonic() - at) * 1_000;
  }

  readonly #spend = (us: number): void => {
    this.#credit = Math.min(this.#maxCredit, this.#credit - us);
  };

  #accrue(usPerMs: number): number {
    const now = this.#monotonic();
    this.#credit = Math.min(this.#maxCredit, this.#credit + Math.max(0, now - this.#creditAt) * usPerMs);
    this.#creditAt = now;
    return this.#credit;
  }
}
