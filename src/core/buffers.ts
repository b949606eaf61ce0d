/**
 * How full a replica's buffers are: everything that others can fill. Each is bounded where it is filled; whoever tests a replica holds
 * them to that.
 * @module
 */
import type { ReplicaState } from "./state.ts";

/** Entries of each buffer, in all. What `ReplicaStatus` has is not among them. */
export interface Buffers {
  readonly checkpoints: number;
  readonly ownCheckpoints: number;
  readonly viewChanges: number;
  readonly wantedBodies: number;
  /** What was accepted before something else at the same number. */
  readonly formerBodies: number;
  readonly earlyPrePrepares: number;
  readonly queries: number;
  readonly refusedRequests: number;
  readonly clientsThatWait: number;
  /** Of the requests that wait. */
  readonly pendingBytes: number;
}

/** The buffers as they are. */
export function buffersOf(state: ReplicaState): Buffers {
  let checkpoints = 0;
  for (const bySender of state.checkpoints.values()) checkpoints += bySender.size;
  return {
    checkpoints,
    ownCheckpoints: state.ownCheckpoints.size,
    viewChanges: state.viewChanges.size,
    wantedBodies: state.bodies.size,
    formerBodies: state.log.formerBodies,
    earlyPrePrepares: state.early.size,
    queries: state.queries.length,
    refusedRequests: state.refused.size,
    clientsThatWait: state.pending.owners,
    pendingBytes: state.pending.bytes,
  };
}
