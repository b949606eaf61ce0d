/**
 * All mutants.
 * @module
 */
import type { Mutant } from "../mutant.ts";
import { CHECKPOINTS } from "./checkpoints.ts";
import { DETAILS } from "./details.ts";
import { EPOCHS } from "./epochs.ts";
import { EXECUTION } from "./execution.ts";
import { GATE } from "./gate.ts";
import { HTTP } from "./http.ts";
import { NODE } from "./node.ts";
import { QUORUMS } from "./quorums.ts";
import { RECOVERY } from "./recovery.ts";
import { ROOM } from "./room.ts";
import { STORES } from "./stores.ts";
import { SUSPICION } from "./suspicion.ts";
import { VIEW_CHANGES } from "./view_changes.ts";

/** By area, in the order of the paper. */
export const MUTANTS: readonly Mutant[] = [
  ...QUORUMS,
  ...EXECUTION,
  ...CHECKPOINTS,
  ...VIEW_CHANGES,
  ...SUSPICION,
  ...NODE,
  ...STORES,
  ...GATE,
  ...DETAILS,
  ...ROOM,
  ...RECOVERY,
  ...EPOCHS,
  ...HTTP,
];
