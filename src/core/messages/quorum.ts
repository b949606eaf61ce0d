/**
 * How many replicas are enough. All of PBFT's safety rests on the arithmetic in this file.
 *
 * With n replicas at most f = floor((n - 1) / 3) may be faulty.
 *
 * - **Quorum** q = ceil((n + f + 1) / 2). Two quorums share at least 2q - n >= f + 1 replicas, so at
 *   least one correct one, which never says two things: no two quorums certify different batches at one
 *   number. And q <= n - f, so the correct replicas alone can form one. For n = 3f + 1 this is the
 *   paper's 2f + 1; for n = 5, 6, 8, … 2f + 1 would be too few (n = 6, f = 1: two sets of 3 need not meet).
 * - **Weak certificate** f + 1: at least one of its members is correct.
 *
 * @module
 */
import { type ReplicaId, replicaId, type View } from "./ids.ts";

/** The largest number of faulty replicas that n replicas tolerate: f = floor((n - 1) / 3). */
export function maxFaulty(n: number): number {
  return Math.floor((n - 1) / 3);
}

/** The size of a quorum of n replicas: ceil((n + f + 1) / 2). */
export function quorum(n: number): number {
  return Math.ceil((n + maxFaulty(n) + 1) / 2);
}

/** The size of a weak certificate, f + 1: one of its members is correct (PBFT §2). */
export function weakQuorum(n: number): number {
  return maxFaulty(n) + 1;
}

/** The primary of a view: p = v mod n (PBFT §4). */
export function primaryOf(view: View, n: number): ReplicaId {
  return replicaId(view % n);
}
