/**
 * Randomness for nonces and for spreading retries.
 * @module
 */

/** A uniform integer from 1 to 2^53 - 1. */
export function randomNonce(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high & 0x1fffff) * 0x1_0000_0000 + low || 1;
}

/** A uniform integer from 0 to `bound` - 1, where `bound` is small. */
export function randomBelow(bound: number): number {
  return randomNonce() % bound;
}

/** `ms` give or take a quarter, so that clients that failed together don't come back together. */
export function jittered(ms: number): number {
  return ms * (0.75 + randomBelow(1 << 20) / (1 << 21));
}
