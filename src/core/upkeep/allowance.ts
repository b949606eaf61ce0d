/**
 * A limit on the bytes with which a peer is answered. A peer that asks for much at once gets it; one that asks without
 * end is limited to the rate. The number of its questions does not count, so that catching up is as fast as the
 * network.
 * @module
 */
import type { Millis } from "../messages/ids.ts";

/** The rest of one peer's allowance. */
export interface Allowance {
  /** Negative if the last answer was larger than the rest. */
  bytes: number;
  at: Millis;
}

/** How an allowance refills. */
export interface AllowanceRate {
  /** The most bytes that can accumulate. */
  readonly most: number;
  /** Bytes added per ms. */
  readonly perMs: number;
}

/** A peer's allowance at time `now`. */
export function allowanceOf<K>(
  allowances: Map<K, Allowance>,
  peer: K,
  { now, rate: { most, perMs } }: { now: Millis; rate: AllowanceRate },
): Allowance {
  const allowance = allowances.get(peer) ?? { bytes: most, at: now };
  allowances.set(peer, allowance);
  allowance.bytes = Math.min(most, allowance.bytes + Math.max(0, now - allowance.at) * perMs);
  allowance.at = now;
  return allowance;
}
