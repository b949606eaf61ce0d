/**
 * Chooses the checkpoint interval of a new cluster. The largest new-view grows with the number of members and must fit
 * in one body (PBFT §4.4), so large clusters have a smaller log window.
 * @module
 */
import { largestNewViewBytes, MAX_BODY_BYTES } from "../../wire/mod.ts";

/** L = 4 K: a replica may be up to three checkpoints ahead of the last stable one. */
export const WINDOW_INTERVALS = 4;
/** With more frequent checkpoints, replicas do little else. */
const MIN_INTERVAL = 4;

/** Whether the largest new-view of `n` members fits in a body, with a checkpoint every `interval` batches. */
export function fits(n: number, interval: number): boolean {
  return largestNewViewBytes(n, WINDOW_INTERVALS * interval) <= MAX_BODY_BYTES;
}

/**
 * The largest K that fits `n` members: `wanted`, or `wanted` halved as often as needed; `null` if there are too many
 * members.
 */
export function checkpointInterval(n: number, wanted: number): number | null {
  let interval = wanted;
  while (!fits(n, interval)) {
    interval = Math.floor(interval / 2);
    if (interval < MIN_INTERVAL) return null;
  }
  return interval;
}

/** The most members that a cluster can have. */
export function mostMembers(): number {
  let n = 4;
  while (fits(n + 1, MIN_INTERVAL)) n++;
  return n;
}
