/**
 * Timestamps for unsigned clients that bring none.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import type { Timer } from "../node/ports.ts";

/**
 * Makes timestamps that grow strictly, about microseconds since the epoch, and that no other member makes: modulo n they
 * are the member's id. Otherwise two gateways could give one name the same timestamp in the same instant, and two
 * equal operations would pass for one.
 */
export class Timestamps {
  readonly #timer: Pick<Timer, "now">;
  readonly #self: ReplicaId;
  readonly #members: number;
  #last = 0;

  constructor(timer: Pick<Timer, "now">, self: ReplicaId, members: number) {
    this.#timer = timer;
    this.#self = self;
    this.#members = members;
  }

  /** The next timestamp. */
  next(): number {
    const least = Math.max(this.#last + 1, this.#timer.now() * 1000);
    this.#last = least + (this.#self - least % this.#members + this.#members) % this.#members;
    return this.#last;
  }
}
