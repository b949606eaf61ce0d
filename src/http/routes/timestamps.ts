/**
 * Timestamps for unsigned clients that send none.
 * @module
 */
import type { Millis, ReplicaId } from "../../core/messages/ids.ts";

/** What this replica knows about the timestamps of a name. */
export interface LastOf {
  /** The highest timestamp that the name has used; -1: none is known. */
  readonly timestamp: number;
  readonly agreedTime: Millis;
}

/** Maximum number of timestamps in flight. Those of one name are spread over as many values, so that they differ. */
const IN_FLIGHT = 1024;
/** Processes begin this far apart for each ms between their starts, within {@linkcode SPREAD}, microseconds. */
const STEP = 7_919;
/** One second. */
const SPREAD = 1_000_000;

/**
 * Makes timestamps that are above all earlier ones of the name, at any gateway, and that no other member makes: modulo
 * n each is the member's id. Otherwise two gateways could give one name the same timestamp at the same moment, and two
 * equal operations would count as one.
 *
 * Timestamps are based on the agreed time, in microseconds, and on what the name has used. They are not based on a
 * gateway's clock: one that is ahead would make timestamps above those of the next gateway, and these would be refused
 * as too old. Only before the first agreed time is the clock used, as for the agreed time itself: small numbers are
 * reserved for clients that count by themselves.
 *
 * A process does not know which timestamps of the process before it are still on their way, or which ones another
 * instance of this member makes. So each process begins at a place of its own, which follows from the time of its
 * start.
 */
export class Timestamps {
  readonly #self: ReplicaId;
  readonly #members: number;
  readonly #now: () => Millis;
  /** Where this process begins, in microseconds above the agreed time. */
  readonly #start: number;
  #last = 0;
  #made: number;

  constructor(self: ReplicaId, members: number, now: () => Millis) {
    this.#self = self;
    this.#members = members;
    this.#now = now;
    this.#start = now() % SPREAD * STEP % SPREAD;
    this.#made = this.#start % IN_FLIGHT;
  }

  /** The next timestamp for a name. */
  next({ timestamp, agreedTime }: LastOf): number {
    const time = agreedTime === 0 ? this.#now() : agreedTime;
    this.#last = this.#own(Math.max(this.#last + 1, time * 1000 + this.#start));
    if (timestamp < this.#last) return this.#last;
    // The name has used higher ones, from itself or from another gateway: go above these, and apart from others in
    // flight.
    const above = this.#own(timestamp + 1 + this.#members * (this.#made++ % IN_FLIGHT));
    return Number.isSafeInteger(above) ? above : this.#last;
  }

  /** The least timestamp of this member at or above `least`. */
  #own(least: number): number {
    return least + (this.#self - least % this.#members + this.#members) % this.#members;
  }
}
