/**
 * How large things may be on the wire.
 * @module
 */
import { DEFAULT_LIMITS, type Genesis, type Limits } from "../../core/config.ts";

/** The largest body of a POST between replicas, and the largest frame, bytes. */
export const MAX_BODY_BYTES: number = 8 * 1024 * 1024;
/** The longest name of an unsigned client, bytes of UTF-8. */
export const MAX_NAME_BYTES = 128;
/** The most digests in one fetch and blobs in one answer. */
export const MAX_BLOBS = 4096;
/** The largest log window L that a genesis may have; a status has a stage for each of its numbers. */
export const MAX_LOG_WINDOW = 65_536;

/** The most replicas in a certificate where no genesis says how many there are. */
const MAX_REPLICAS = 1_024;

/** The limits that {@linkcode decodeFrame} holds. Those of {@linkcode Limits} come from the genesis. */
export interface WireLimits
  extends Pick<Limits, "maxRequestBytes" | "maxRequestOperations" | "maxBatchBytes" | "maxResultBytes"> {
  /** Most stages in a status, and numbers in a view-change or new-view: the log window L. */
  readonly maxStages: number;
  /** Most messages in a certificate: n. */
  readonly maxReplicas: number;
  /** Largest frame, bytes. */
  readonly maxFrameBytes: number;
}

/** The given limits, with what the defaults allow where there is none. */
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

/** The limits that hold in a cluster. */
export function wireLimits(genesis: Genesis): WireLimits {
  return completeLimits({ ...genesis.limits, maxStages: genesis.logWindow, maxReplicas: genesis.replicas.length });
}
