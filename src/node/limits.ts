/**
 * Limits on what one node buffers. They are local: replicas need not agree on them.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import { MAX_BODY_BYTES } from "../wire/mod.ts";

/** Bounds on what a node buffers. At a limit it rejects new input, or drops messages that the protocol sends again. */
export interface NodeLimits {
  /**
   * Frames received and not yet answered: of clients, and of all members together, each of which has an equal share, or
   * one delivery if that is more. More are rejected as `overloaded`.
   */
  readonly maxInboxFrames: number;
  /** Bytes of those frames. */
  readonly maxInboxBytes: number;
  /** Submitted requests that wait for their replies. More are rejected as `overloaded`. */
  readonly maxWaiters: number;
  /**
   * Queries that wait for their answers, and the same number that wait for verification. More are rejected as
   * `overloaded`.
   */
  readonly maxWaitingQueries: number;
  /** Operations of queries handled in one turn, before other work has its turn again; or one query with more. */
  readonly maxQueriesPerTurn: number;
  /** Operations of unsigned clients that wait for their results at this gateway. More are rejected as `overloaded`. */
  readonly maxGatewayOperations: number;
  /** Bytes of those operations. */
  readonly maxGatewayBytes: number;
  /** Gateway requests in flight. At the limit, further operations are collected for the next one. */
  readonly maxBundlesInFlight: number;
  /**
   * Frames queued for one peer. Beyond it frames are dropped: client requests first and view change messages last;
   * within one class the oldest first.
   */
  readonly maxOutboxFrames: number;
  /** Bytes of those frames. */
  readonly maxOutboxBytes: number;
  /** Bytes of blobs and decisions among them, for a peer that catches up: it asks again for what was dropped. */
  readonly maxOutboxBulkBytes: number;
  /** Frames in one delivery. */
  readonly maxBodyFrames: number;
  /** Bytes of frames in one delivery. A single larger frame is sent alone. */
  readonly maxBodyBytes: number;
  /** Deliveries in flight to one peer, where they take long. Where they are short, there is one at a time. */
  readonly maxDeliveriesInFlight: number;
  /** Timeout of a delivery, ms. */
  readonly deliveryTimeoutMs: number;
  /** Soft records that wait for a commit with a binding record. Beyond it they are committed alone. */
  readonly maxSoftRecords: number;
  /** Bytes of those records. */
  readonly maxSoftBytes: number;
  /**
   * Timeout of a call of the store, ms. After it the replica is reloaded from the store, and is not ready meanwhile.
   */
  readonly storeTimeoutMs: number;
  /** Requests remembered as verified, so that their signatures are not checked again. */
  readonly maxVerifiedRequests: number;
}

/** The default limits for a cluster, overridden by `limits`. */
export function nodeLimits(genesis: Genesis, limits: Partial<NodeLimits> = {}): NodeLimits {
  return {
    maxInboxFrames: 16_384,
    maxInboxBytes: 64 * 1024 * 1024,
    maxWaiters: 8_192,
    maxWaitingQueries: 1_024,
    maxQueriesPerTurn: 64,
    maxGatewayOperations: 16_384,
    maxGatewayBytes: 16 * 1024 * 1024,
    maxBundlesInFlight: 4,
    maxOutboxFrames: 8_192,
    maxOutboxBytes: 32 * 1024 * 1024,
    maxOutboxBulkBytes: 32 * 1024 * 1024,
    maxBodyFrames: 2_048,
    maxBodyBytes: Math.min(MAX_BODY_BYTES - 64 * 1024, 4 * genesis.limits.maxBatchBytes),
    maxDeliveriesInFlight: 4,
    deliveryTimeoutMs: 5_000,
    maxSoftRecords: 256,
    maxSoftBytes: 1024 * 1024,
    storeTimeoutMs: 15_000,
    maxVerifiedRequests: 16_384,
    ...limits,
  };
}
