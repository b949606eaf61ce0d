/**
 * The size limits of the wire format.
 * @module
 */
import type { Genesis, Limits } from "../../core/config.ts";

/** The largest body of a POST between replicas, and the largest frame, bytes. */
export const MAX_BODY_BYTES: number = 8 * 1024 * 1024;
/** The longest name of an unsigned client, bytes of UTF-8. */
export const MAX_NAME_BYTES = 128;
/** The most digests in one fetch, and the most blobs in one answer. */
export const MAX_BLOBS = 4096;
/** The largest log window L that a genesis may have. A status describes each of its numbers. */
export const MAX_LOG_WINDOW = 65_536;

/** The limits that {@linkcode decodeFrame} checks. Those of {@linkcode Limits} come from the genesis. */
export interface WireLimits
  extends Pick<Limits, "maxRequestBytes" | "maxRequestOperations" | "maxBatchBytes" | "maxResultBytes"> {
  /** The most stages in a status, and the most numbers in a view-change or new-view: the log window L. */
  readonly maxStages: number;
  /** The most messages in a certificate: n. */
  readonly maxReplicas: number;
  /** The largest frame, bytes. */
  readonly maxFrameBytes: number;
}

/** The limits of a cluster. */
export function wireLimits({ limits, logWindow, replicas }: Genesis): WireLimits {
  const { maxRequestBytes, maxRequestOperations, maxBatchBytes, maxResultBytes } = limits;
  return {
    maxRequestBytes,
    maxRequestOperations,
    maxBatchBytes,
    maxResultBytes,
    maxStages: logWindow,
    maxReplicas: replicas.length,
    maxFrameBytes: MAX_BODY_BYTES,
  };
}
