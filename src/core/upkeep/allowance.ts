/**
 * What a peer may be answered with: so many bytes in a while. Whoever asks for much at once gets it; whoever asks for ever is held to the
 * rate. Nothing is measured by the number of questions, so that catching up is as quick as the network.
 * @module
 */
import type { Millis } from "../messages/ids.ts";

/** What is left for one peer. */
export interface Allowance {
  /** Below 0: the last answer was larger than what was left. */
  bytes: number;
  at: Millis;
}

/** How an allowance fills up. */
export interface AllowanceRate {
  /** Bytes after a pause. */
  readonly most: number;
  /** More bytes each ms. */
  readonly perMs: number;
}

/** The allowance of a peer, as it is now. */
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
