/**
 * The size limits of the wire format.
 * @module
 */
import { DEFAULT_LIMITS, type Genesis, type Limits } from "../../core/config.ts";

/** The largest body of a POST between replicas, and the largest frame, bytes. */
export const MAX_BODY_BYTES: number = 8 * 1024 * 1024;
/** The longest name of an unsigned client, bytes of UTF-8. */
export const MAX_NAME_BYTES = 128;
/** The most digests in one fetch, and the most blobs in one answer. */
export const MAX_BLOBS = 4096;
/** The largest log window L that a genesis may have. A status describes each of its numbers. */
export const MAX_LOG_WINDOW = 65_536;

/** The most messages in a certificate, where no genesis gives the number of replicas. */
const MAX_REPLICAS = 1_024;

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

/** `limits`, completed with the defaults. */
export function completeLimits(limits: Partial<WireLimits>): WireLimits {
  return {
    maxRequestBytes: limits.maxRequestBytes ?? DEFAULT_LIMITS.maxRequestBytes,
    maxRequestOperations: limits.maxRequestOperations ?? DEFAULT_LIMITS.maxRequestOperations,
    maxBatchBytes: limits.maxBatchBytes ?? DEFAULT_LIMITS.maxBatchBytes,
    maxResultBytes: limits.maxResultBytes ?? DEFAULT_LIMITS.maxResultBytes,
    maxStages: limits.maxStages ?? MAX_LOG_WINDOW,
    maxReplicas: limits.maxReplicas ?? MAX_REPLICAS,
    maxFrameBytes: limits.maxFrameBytes ?? MAX_BODY_BYTES,
  };
}

/** The limits of a cluster. */
export function wireLimits(genesis: Genesis): WireLimits {
  return completeLimits({ ...genesis.limits, maxStages: genesis.logWindow, maxReplicas: genesis.replicas.length });
}
