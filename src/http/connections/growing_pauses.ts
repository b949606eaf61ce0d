/**
 * Pauses for members that misbehaved: each further one is twice as long, up to a most.
 * @module
 */
import type { Timer } from "../../node/ports.ts";

/** The first pause, and the longest, ms. After the longest one without any the next one is a first one again. */
export interface PauseLengths {
  readonly least: number;
  readonly most: number;
}

/** Pauses by member. There are as many as members. */
export class GrowingPauses<K> {
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #lengths: PauseLengths;
  readonly #last = new Map<K, { readonly until: number; readonly ms: number }>();

  constructor(timer: Pick<Timer, "monotonic">, lengths: PauseLengths) {
    this.#timer = timer;
    this.#lengths = lengths;
  }

  /** How long the member's pause still lasts, ms; 0: it has none. */
  leftMs(member: K): number {
    return Math.max(0, (this.#last.get(member)?.until ?? 0) - this.#timer.monotonic());
  }

  /** Begins a pause. What happens during one, such as with another request at the same time, counts as the same. */
  begin(member: K): void {
    if (this.leftMs(member) > 0) return;
    const { least, most } = this.#lengths;
    const last = this.#last.get(member);
    const isFirst = !last || this.#timer.monotonic() >= last.until + most;
    this.#set(member, isFirst ? least : Math.min(2 * last.ms, most));
  }

  /** Begins the longest pause, also during another one. */
  beginLongest(member: K): void {
    this.#set(member, this.#lengths.most);
  }

  #set(member: K, ms: number): void {
    this.#last.set(member, { until: this.#timer.monotonic() + ms, ms });
  }
}
