/**
 * A replica that could not vote for a while votes again: it takes up what came meanwhile, and says what it could not say.
 * @module
 */
import { sayCheckpoints } from "../checkpoints/checkpoint.ts";
import { askHandOver } from "../views/hand_over.ts";
import { acceptWaiting } from "../ordering/normal_case.ts";
import { followOthers, onQuorum } from "../views/view_change.ts";
import type { Step } from "../step.ts";
import { leaveTogether } from "../views/own_suspicion.ts";

/** From now on it votes. */
export function voteAgain(step: Step): void {
  sayCheckpoints(step);
  // First the views: those who have left meanwhile, or have said that they would, it could not follow before.
  followOthers(step);
  leaveTogether(step);
  onQuorum(step);
  askHandOver(step);
  for (const slot of step.state.log.slots()) acceptWaiting(step, slot);
}
