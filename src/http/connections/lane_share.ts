/**
 * How the peers of one transport share connections in one lane: how long a delivery usually takes, who is slow, and how
 * much time on connections each has had.
 * @module
 */
import type { Lane, RunningDelivery } from "../../node/ports.ts";

/** A delivery is late after this multiple of what one usually takes. */
const PATIENCE_FACTOR = 4;
/** The least and the most that is waited before a delivery counts as late, and before anything was measured, ms. */
const PATIENCE: Readonly<Record<Lane, { readonly minMs: number; readonly maxMs: number; readonly firstMs: number }>> = {
  deciding: { minMs: 150, maxMs: 1_000, firstMs: 500 },
  bulk: { minMs: 1_000, maxMs: 3_000, firstMs: 2_000 },
};
/** Time on connections is forgotten by half in this time, ms. */
const HALF_LIFE_MS = 10_000;
/** Weight of the last delivery in the moving average of their durations. */
const GAIN = 1 / 4;

/** One connection in use. */
export interface Lease {
  readonly lane: Lane;
  /** By the monotonic clock, ms. */
  readonly startedAt: number;
  readonly delivery: RunningDelivery;
}

/** One peer in one lane. */
export interface Share {
  readonly leases: Set<Lease>;
  /** Its last delivery was late, so it is slow until one is not. */
  isSlow: boolean;
  /** Moving average of its deliveries that succeeded, ms. */
  meanMs: number | null;
  /** Time on connections, ms, as of `usedAt`. */
  usedMs: number;
  usedAt: number;
  /** Since when it waits; null if it does not. */
  since: number | null;
}

/** All peers of one transport in one lane. */
export class LaneShares {
  readonly #lane: Lane;
  readonly shares: readonly Share[];
  #patienceMs: number;

  constructor(lane: Lane, places: number) {
    this.#lane = lane;
    this.#patienceMs = PATIENCE[lane].firstMs;
    this.shares = Array.from({ length: places }, () => {
      return { leases: new Set<Lease>(), isSlow: false, meanMs: null, usedMs: 0, usedAt: 0, since: null };
    });
  }

  /** After this time a delivery is late, ms. Fewer than half of the peers can't make it longer or shorter. */
  get patienceMs(): number {
    return this.#patienceMs;
  }

  /** Whether a delivery is late. */
  isLate({ startedAt }: Lease, now: number): boolean {
    return now - startedAt >= this.#patienceMs;
  }

  /** Whether a peer is slow: its last delivery was late, or one that is under way is. */
  isSlow(share: Share, now: number): boolean {
    return share.isSlow || [...share.leases].some((lease) => this.isLate(lease, now));
  }

  /** The time on connections that a peer has had lately, ms. */
  usedMs({ usedMs, usedAt, leases }: Share, now: number): number {
    let sum = usedMs * 0.5 ** ((now - usedAt) / HALF_LIFE_MS);
    for (const { startedAt } of leases) sum += now - startedAt;
    return sum;
  }

  /** A delivery has ended. */
  ended(share: Share, lease: Lease, { isTaken, now }: { readonly isTaken: boolean; readonly now: number }): void {
    const tookMs = now - lease.startedAt;
    share.usedMs = this.usedMs(share, now);
    share.usedAt = now;
    share.leases.delete(lease);
    // A failure that comes at once, such as a 503, has given the connection back and says nothing about the time.
    if (this.isLate(lease, now)) share.isSlow = true;
    else if (isTaken) share.isSlow = false;
    if (!isTaken) return;
    share.meanMs = share.meanMs === null ? tookMs : share.meanMs + GAIN * (tookMs - share.meanMs);
    const { minMs, maxMs, firstMs } = PATIENCE[this.#lane];
    const known = this.shares.flatMap(({ meanMs }) => meanMs === null ? [] : [meanMs]).sort((a, b) => a - b);
    // Until most were measured, a few fast ones say nothing about the others.
    const isKnown = 2 * known.length > this.shares.length;
    const usualMs = known[Math.floor(known.length / 2)]!;
    this.#patienceMs = isKnown ? Math.min(maxMs, Math.max(minMs, PATIENCE_FACTOR * usualMs)) : firstMs;
  }
}
