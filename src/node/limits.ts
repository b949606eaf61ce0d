/**
 * How much a node holds at once. None of it concerns what replicas agree on.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import { MAX_BODY_BYTES } from "../wire/mod.ts";

/** Bounds on what waits in a node. Beyond them it pushes back, or drops what the protocol resends. */
export interface NodeLimits {
  /** Frames taken in and not yet answered. More are rejected as `overloaded`. */
  readonly maxInboxFrames: number;
  /** Bytes of those frames. */
  readonly maxInboxBytes: number;
  /** Submitted requests that wait for their reply. More are rejected as `overloaded`. */
  readonly maxWaiters: number;
  /** Queries that wait for their answer, and as many that wait to be verified. More are rejected as `overloaded`. */
  readonly maxWaitingQueries: number;
  /** Queries that are verified and answered before everything else has its turn again. */
  readonly maxQueriesPerTurn: number;
  /** Vouched operations that wait for their results. More are rejected as `overloaded`. */
  readonly maxVouchedOperations: number;
  /** Bytes of those operations. */
  readonly maxVouchedBytes: number;
  /** Bundles of vouched operations under way; with more to do, operations gather. */
  readonly maxBundlesInFlight: number;
  /** Frames that wait for one peer. With more, requests are dropped first and what starts a view last, of these the oldest. */
  readonly maxOutboxFrames: number;
  /** Bytes of those frames. */
  readonly maxOutboxBytes: number;
  /** Frames in one delivery. */
  readonly maxBodyFrames: number;
  /** Bytes of frames in one delivery, unless a single frame is larger. */
  readonly maxBodyBytes: number;
  /** A delivery that takes longer has failed, ms. */
  readonly deliveryTimeoutMs: number;
  /** Soft records that wait for a binding one; with more they are committed by themselves. */
  readonly maxSoftRecords: number;
  /** Bytes of those records. */
  readonly maxSoftBytes: number;
  /** A call of the store that takes longer has failed, ms: the replica is read from the store again, and is not ready meanwhile. */
  readonly storeTimeoutMs: number;
  /** Requests whose signatures are known to be right. */
  readonly maxVerifiedRequests: number;
}

/** The limits that suit a cluster, where `limits` does not say otherwise. */
export function nodeLimits(genesis: Genesis, limits: Partial<NodeLimits> = {}): NodeLimits {
  return {
    maxInboxFrames: 16_384,
    maxInboxBytes: 64 * 1024 * 1024,
    maxWaiters: 8_192,
    maxWaitingQueries: 1_024,
    maxQueriesPerTurn: 64,
    maxVouchedOperations: 16_384,
    maxVouchedBytes: 16 * 1024 * 1024,
    maxBundlesInFlight: 4,
    maxOutboxFrames: 8_192,
    maxOutboxBytes: 32 * 1024 * 1024,
    maxBodyFrames: 2_048,
    maxBodyBytes: Math.min(MAX_BODY_BYTES - 64 * 1024, 4 * genesis.limits.maxBatchBytes),
    deliveryTimeoutMs: 5_000,
    maxSoftRecords: 256,
    maxSoftBytes: 1024 * 1024,
    storeTimeoutMs: 15_000,
    maxVerifiedRequests: 16_384,
    ...limits,
  };
}
