/**
 * The return to voting, after a recovery or after the questions at a start.
 * @module
 */
import { sendOwnCheckpoints } from "../checkpoints/checkpoint.ts";
import { askHandOver } from "../views/hand_over.ts";
import { acceptWaiting, checkPrepared } from "../ordering/normal_case.ts";
import { checkViewChanges, followOthers } from "../views/view_change.ts";
import type { Step } from "../step.ts";
import { leaveIfProven } from "../views/own_suspicion.ts";

/** From now on this replica votes: it sends and takes up what had to wait. */
export function resumeVoting(step: Step): void {
  sendOwnCheckpoints(step);
  // Views come first: it follows replicas that have left, or suspected their primary, while it could not vote.
  followOthers(step);
  leaveIfProven(step);
  checkViewChanges(step);
  askHandOver(step);
  for (const slot of step.state.log.slots()) {
    acceptWaiting(step, slot);
    // Prepares may have come for what it had accepted before.
    if (step.state.log.isWithin(slot.sequence)) checkPrepared(step, slot);
  }
}
