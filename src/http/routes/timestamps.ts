/**
 * Timestamps for unsigned clients that bring none.
 * @module
 */
import type { Millis, ReplicaId } from "../../core/messages/ids.ts";

/** What this replica knows of a name's timestamps. */
export interface LastOf {
  /** The highest that the name has used; -1: none is known. */
  readonly timestamp: number;
  readonly agreedTime: Millis;
}

/** So many are in flight at most, so that those of one name differ by less. */
const IN_FLIGHT = 1024;

/**
 * Makes timestamps above all that a name has used, at whichever gateway, and that no other member makes: modulo n they are the member's
 * id. Otherwise two gateways could give one name the same timestamp in the same instant, and two equal operations would pass for one.
 * They come from the agreed time, in microseconds, and from what the name has used: a gateway's clock would put them ahead of those that
 * the next gateway makes, and these would be refused as too old. Only before anything is agreed the clock does, as it does for the agreed
 * time itself: small numbers are what clients count for themselves.
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
    // The name has used higher ones, its own or of another gateway: above these, and apart from others that are in flight.
    const above = this.#own(timestamp + 1 + this.#members * (this.#made++ % IN_FLIGHT));
    return Number.isSafeInteger(above) ? above : this.#last;
  }

  /** The least of this member's own at or above. */
  #own(least: number): number {
    return least + (this.#self - least % this.#members + this.#members) % this.#members;
  }
}
