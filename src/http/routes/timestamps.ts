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

/**
 * Makes timestamps that are above all earlier ones of the name, at any gateway, and that no other member makes: modulo
 * n each is the member's id. Otherwise two gateways could give one name the same timestamp at the same moment, and two
 * equal operations would count as one.
 *
 * Timestamps are based on the agreed time, in microseconds, and on what the name has used. They are not based on a
 * gateway's clock: one that is ahead would make timestamps above those of the next gateway, and these would be refused
 * as too old. Only before the first agreed time is the clock used, as for the agreed time itself: small numbers are
 * reserved for clients that count by themselves.
 */
export class Timestamps {
  readonly #self: ReplicaId;
  readonly #members: number;
  readonly #now: () => Millis;
  #last = 0;
  #made = 0;

  constructor(self: ReplicaId, members: number, now: () => Millis) {
    this.#self = self;
    this.#members = members;
    this.#now = now;
  }

  /** The next timestamp for a name. */
  next({ timestamp, agreedTime }: LastOf): number {
    const time = agreedTime === 0 ? this.#now() : agreedTime;
    this.#last = this.#own(Math.max(this.#last + 1, time * 1000));
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
