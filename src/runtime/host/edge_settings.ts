/**
 * Settings for hosts that sleep.
 * @module
 */
import type { Settings } from "../../core/config.ts";

/**
 * What suits a host that is paid by the time that it is awake, and that others reach over the internet: status messages are rare when
 * there is nothing to do, and a primary is given more time.
 */
export const EDGE_SETTINGS: Partial<Settings> = {
  statusIntervalMs: 1000,
  idleStatusMs: 60_000,
  viewTimeoutMs: 2_000,
  slowPrimaryMs: 6_000,
};
