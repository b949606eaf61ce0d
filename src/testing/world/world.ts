/**
 * Everything that a run shares, with the checker that watches it.
 * @module
 */
import type { InvariantChecker } from "../invariants/invariant_checker.ts";
import type { WorldBase } from "./world_base.ts";

/** Everything that a run shares, with the checker that watches it. */
export interface World extends WorldBase {
  readonly checker: InvariantChecker;
}
