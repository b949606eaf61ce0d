/**
 * Buffer usage of a node. Buffers are taken when something arrives, and freed when it is answered.
 * @module
 */
import type { Ways } from "../gateway/callers.ts";

/** Buffers in use now. All fields are 0 once everything has been answered. */
export interface NodeUsage {
  /** Frames of requests and members' messages that wait for verification. */
  readonly inboxFrames: number;
  /** Bytes of those frames. */
  readonly inboxBytes: number;
  /** Frames of the source, such as a member, that has most of them. */
  readonly inboxFramesOfOne: number;
  /** Bytes of the source that has most of them. */
  readonly inboxBytesOfOne: number;
  /** Frames of queries that wait for verification. */
  readonly queryFrames: number;
  /** Bytes of those frames. */
  readonly queryBytes: number;
  /** Callers that wait for the answer to a request. */
  readonly waiters: number;
  /** Distinct requests and queries that callers wait for. */
  readonly waitedFor: number;
  /** Callers that wait for the answer to a query. */
  readonly queryWaiters: number;
  /** Unanswered operations of unsigned clients. */
  readonly gatewayOperations: number;
  /** Bytes of those operations. */
  readonly gatewayBytes: number;
  /** Gateway requests of this member in flight. */
  readonly bundles: number;
}

/** Computes the usage from the parts of a node. */
export function usageOf({ requests, queries, gateway: { usage: { operations, bytes, bundles } } }: Ways): NodeUsage {
  return {
    inboxFrames: requests.intake.frames,
    inboxBytes: requests.intake.bytes,
    inboxFramesOfOne: requests.intake.mostOfOne.frames,
    inboxBytesOfOne: requests.intake.mostOfOne.bytes,
    queryFrames: queries.intake.frames,
    queryBytes: queries.intake.bytes,
    waiters: requests.waiters.size,
    waitedFor: requests.waiters.asked().length + queries.waiters.asked().length,
    queryWaiters: queries.waiters.size,
    gatewayOperations: operations,
    gatewayBytes: bytes,
    bundles,
  };
}
