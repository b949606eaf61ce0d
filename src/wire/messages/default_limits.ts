/**
 * The size limits where no genesis gives them.
 * @module
 */
import { DEFAULT_LIMITS } from "../../core/config.ts";
import { MAX_BODY_BYTES, MAX_LOG_WINDOW, type WireLimits } from "./limits.ts";

/** The most messages in a certificate. */
const MAX_REPLICAS = 1_024;

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
