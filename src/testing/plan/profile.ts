/**
 * The families of faults that a run is drawn from.
 * @module
 */

/** Which faults a run may have. */
export type Profile =
  | "default" // any fault
  | "calm" // no fault
  | "crashes" // crashes and disk faults
  | "network" // network faults
  | "edge" // crashes and disk faults; some replicas live on hosts that start them for each request
  | "byzantine"; // all f replicas are Byzantine

/** The names of the profiles. */
export const PROFILES: readonly Profile[] = ["default", "calm", "crashes", "network", "edge", "byzantine"];
