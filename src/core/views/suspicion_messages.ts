/**
 * Handles the suspicions of other replicas (see leaving.ts).
 * @module
 */
import { grantHandOver } from "./hand_over.ts";
import type { View } from "../messages/ids.ts";
import type { Signed, Suspicion, Verified } from "../messages/messages.ts";
import { noteView, resendNewView } from "./view_change.ts";
import type { Step } from "../step.ts";
import { announce, leaveIfProven } from "./own_suspicion.ts";
import { isAhead, suspects } from "./leaving.ts";

/** Another replica's suspicion, agreement or withdrawal arrives. */
export function onSuspicion(step: Step, suspicion: Verified<Signed<Suspicion>>): void {
  const { leaving } = step.state;
  const { replica, view, number } = suspicion.message;
  if (replica === step.self) return onOwnSuspicion(step, suspicion);
  const known = leaving.heard.get(replica);
  if (known && known.message.number >= number) {
    if (known.message.number === number) {
      grantHandOver(step, known.message);
      return step.discard("suspicion", replica, "duplicate");
    }
    // A replica that has lost its disk numbers its suspicions from 1 again: it is sent the last one it signed, so that
    // it can continue.
    step.send(replica, known);
    return step.discard("suspicion", replica, "superseded");
  }
  if (!isAhead(step, view)) {
    resendNewView(step, replica, view);
    return step.discard("suspicion", replica, "other-view");
  }
  leaving.heard.set(replica, suspicion);
  if (suspects(suspicion.message)) noteView(step, replica, view - 1 as View);
  leaveIfProven(step);
  grantHandOver(step, suspicion.message);
}

/**
 * A peer returns a suspicion of this replica that it no longer knows, because its disk was lost or is an old copy. This
 * replica continues with the number of that suspicion. While it may not vote it announces nothing; a suspicion that it
 * still has is announced again when it may.
 */
function onOwnSuspicion(step: Step, suspicion: Verified<Signed<Suspicion>>): void {
  const { leaving } = step.state;
  const { number, view } = suspicion.message;
  if (number <= (leaving.own?.message.number ?? 0)) return step.discard("suspicion", step.self, "duplicate");
  const again = leaving.own?.message;
  leaving.own = suspicion;
  leaving.furthest = Math.max(leaving.furthest, view) as View;
  step.persist({ kind: "suspicion", suspicion, furthest: leaving.furthest });
  if (again && step.mayVote && isAhead(step, again.view)) announce(step, again.view, again.standing);
}
