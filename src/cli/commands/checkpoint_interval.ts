/**
 * How often a new cluster takes a checkpoint. The more members, the larger the largest new-view, which must fit in one body
 * (PBFT §4.4): so large clusters have a smaller log window.
 * @module
 */
import { largestNewViewBytes, MAX_BODY_BYTES } from "../../wire/mod.ts";

/** L = 4 K: a replica may be three checkpoints ahead of the last stable one. */
export const WINDOW_INTERVALS = 4;
/** With a checkpoint more often than that, replicas do little else. */
const MIN_INTERVAL = 4;

/** Whether a new-view of `n` members fits in a body, with a checkpoint every `interval` batches. */
export function fits(n: number, interval: number): boolean {
  return largestNewViewBytes(n, WINDOW_INTERVALS * interval) <= MAX_BODY_BYTES;
}

/** The largest K that fits `n` members, `wanted` or `wanted` halved some times; `null`: there are too many members. */
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
