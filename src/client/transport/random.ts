/**
 * Random numbers for nonces and for the delays of retries.
 * @module
 */

/** A uniform random integer from 1 to 2^53 - 1. */
export function randomNonce(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high & 0x1fffff) * 0x1_0000_0000 + low || 1;
}

/** Gives uniform random integers, as {@linkcode randomNonce} does. */
export type RandomIntegers = () => number;

/** `ms` changed at random by up to a quarter, so that clients that failed together do not retry together. */
export function jittered(ms: number, random: RandomIntegers): number {
  return ms * (0.75 + random() / 2 ** 54);
}
