/**
 * Settings for hosts that sleep between requests.
 * @module
 */
import type { Settings } from "../../core/config.ts";

/**
 * Settings for a host that is billed by the time it is awake, and that other members reach over the internet. Status messages are rare while
 * the replica is idle, and a primary gets more time.
 */
export const EDGE_SETTINGS: Partial<Settings> = {
  statusIntervalMs: 1000,
  idleStatusMs: 60_000,
  viewTimeoutMs: 2_000,
  slowPrimaryMs: 6_000,
};
