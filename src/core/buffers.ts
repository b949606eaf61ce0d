/**
 * How full a replica's buffers are. These are all the buffers that others can fill. Each is bounded where it is filled;
 * tests check the bounds by these figures.
 * @module
 */
import type { ReplicaState } from "./state.ts";

/** The number of entries in each buffer. Figures that `ReplicaStatus` has are not repeated here. */
export interface Buffers {
  readonly checkpoints: number;
  readonly ownCheckpoints: number;
  readonly viewChanges: number;
  readonly wantedBodies: number;
  /** Bodies of batches accepted before another batch at the same number. */
  readonly formerBodies: number;
  readonly earlyPrePrepares: number;
  readonly queries: number;
  readonly refusedRequests: number;
  readonly clientsThatWait: number;
  /** Bytes of all pending requests. */
  readonly pendingBytes: number;
}

/** The present figures. */
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
