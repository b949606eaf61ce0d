/** Names of the simulator that the page needs before it is loaded. */
import { PROFILES } from "../../src/testing/plan/profile.ts";

/** The families of faults. */
export const PROFILE_NAMES: readonly string[] = PROFILES;

/** What a seed is. */
export const KINDS_HINT =
  "A seed is a whole run: its load, its faults and every delay. It is the run of pbft simulate --seed.";
