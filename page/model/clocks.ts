/**
 * One clock for all replicas. Each stamps its events by its own clock, and no message arrives before it leaves: that bounds how far the
 * clocks may be apart. A clock is corrected by the least amount that this needs.
 */

/** The offsets of the replicas' clocks, to be added to their times, ms. */
export class Clocks {
  /** The least time that a message took from one to the other, by their own clocks, ms. */
  readonly #fastest = new Map<string, number>();
  #offsets: readonly number[] = [];

  /** Notes that a message left at `sentAt` by the clock of `from`, and arrived at `takenAt` by that of `to`. */
  note(from: number, to: number, sentAt: number, takenAt: number): void {
    const key = `${from} ${to}`;
    const took = takenAt - sentAt;
    if (took >= (this.#fastest.get(key) ?? Infinity)) return;
    this.#fastest.set(key, took);
    this.#offsets = [];
  }

  /** What to add to the times of this replica, ms. The first replica's clock is the reference. */
  offsetOf(replica: number): number {
    if (this.#offsets[replica] === undefined) {
      const offsets = [...this.#offsets];
      offsets[replica] = this.#estimate(replica);
      this.#offsets = offsets;
    }
    return this.#offsets[replica]!;
  }

  /** The largest offset, ms: how far the clocks are apart. */
  largest(n: number): number {
    return Math.max(0, ...Array.from({ length: n }, (_, replica) => Math.abs(this.offsetOf(replica))));
  }

  #estimate(replica: number): number {
    const there = this.#fastest.get(`0 ${replica}`);
    const back = this.#fastest.get(`${replica} 0`);
    if (replica <= 0 || there === undefined || back === undefined) return 0;
    const [least, most] = [-there, back];
    return least > most ? (least + most) / 2 : Math.min(Math.max(0, least), most);
  }
}
