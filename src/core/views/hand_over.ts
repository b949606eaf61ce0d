/**
 * Hand-overs: leaving a view without accusing its primary (see leaving.ts).
 * @module
 */
import type { View } from "../messages/ids.ts";
import { hasAnnounced, isAnnouncementRecent } from "./leaving.ts";
import type { Suspicion } from "../messages/messages.ts";
import { maxFaulty, primaryOf } from "../messages/quorum.ts";
import type { Step } from "../step.ts";
import { announce, withdraw } from "./own_suspicion.ts";
import { sendStatus } from "../upkeep/own_status.ts";
import { fairnessRules } from "./view_timeout.ts";

/**
 * How often a replica is granted a hand-over, ms, so that it can't make the others change views without end. This holds
 * for a primary as well: each view starts the timers and the fairness watch anew, so primaries that hand over to each
 * other, or to themselves, would never be suspected and need not order anything.
 */
const GRANT_INTERVAL_MS = 30_000;
/** After this many view timeouts an agreement that has led to no view change is withdrawn. */
const AGREEMENT_TIMEOUTS = 4;

/**
 * Announces that this replica agrees to a hand-over to this view. Announces it again if the earlier one is from too far
 * back to count.
 */
function agree(step: Step, view: View): void {
  if (counts(step, view)) return;
  if (!hasAnnounced(step, "agrees", view)) step.event({ kind: "suspicion", view, why: "hand-over" });
  announce(step, view, "agrees");
}

/**
 * Whether this replica's last suspicion still counts for this view together with those of others. It does not if it is
 * from too far back: for example a request for a hand-over that nobody granted, or the suspicion by which this replica
 * left alone, while the others withdrew theirs and went on.
 */
function counts(step: Step, view: View): boolean {
  return (hasAnnounced(step, "agrees", view) || hasAnnounced(step, "suspects", view)) && isAnnouncementRecent(step);
}

/**
 * The host is about to stop this replica. If it is the primary, it asks for a hand-over to the next primary that it has
 * heard recently.
 */
export function onHandOver(step: Step): void {
  const { state, self, n } = step;
  if (!step.isPrimary || !step.isActive || !step.mayVote || n === 1) return;
  const recent = step.now - 2 * step.env.settings.idleStatusMs;
  const isThere = (view: number) => (state.status.heardAt.get(primaryOf(view as View, n)) ?? -Infinity) >= recent;
  let view = state.view + 1;
  while (view < state.view + n && !isThere(view)) view++;
  agree(step, (view % n === self || view === state.view + n ? state.view + 1 : view) as View);
}

/** A replica that waits in a view to which no quorum has come asks the others for a hand-over to it. */
export function askHandOver(step: Step): void {
  const { state, self } = step;
  if (step.isActive || !step.mayVote) return;
  if (state.suspicion.awakeMs < state.leaving.changedAt + step.env.settings.statusIntervalMs) return;
  let below = 0;
  for (const [replica, view] of state.leaving.views) if (replica !== self && view < state.view) below++;
  if (step.n - below >= step.quorum || counts(step, state.view)) return;
  sendStatus(step); // the status shows the others that it is in this view
  agree(step, state.view);
}

/**
 * Agrees to a hand-over that another replica asks for, if that one may ask: from time to time the primary of this view,
 * or a replica that is in a higher view. Also agrees when f + 1 others agree already, because one of them is
 * correct.
 *
 * It agrees once per interval to a hand-over to one primary, whoever asks. Otherwise f liars could ask one correct
 * replica after the other: each grants them one, the rest join because f + 1 agree, and none of those has granted
 * anything itself. For n = 3 f + 1, each hand-over takes f + 1 of the 2 f + 1 correct replicas, so within an interval
 * there is one to each liar. That leaves most of the interval to others, because the interval is as long as n primaries
 * may be slow. A replica that proves by its view-change that it was left behind in the view is let in all the same: a
 * liar has no such proof without a suspicion of a correct replica.
 */
export function grantHandOver(step: Step, { replica, view, standing }: Suspicion): void {
  const { state, n } = step;
  const { leaving, clock: { elapsedMs } } = state;
  if (standing !== "agrees" || !step.mayVote || view <= state.view || view > state.view + n) return;
  const asking = [...leaving.heard.values()].filter(({ message }) => {
    return message.view === view && message.standing === "agrees" && message.replica !== step.self;
  });
  // Liars that hand over to each other in turn keep a request waiting for less than the time for which each would be
  // suspected by itself.
  const intervalMs = Math.max(GRANT_INTERVAL_MS, n * fairnessRules(step).maxWaitMs);
  const hasLeft = (state.viewChanges.get(replica)?.message.view ?? 0) >= view;
  if (!hasLeft && wasHandedTo(step, view, intervalMs)) return;
  if (asking.length > maxFaulty(n)) return join(step, view);
  const isItsOwn = replica === step.primary && step.isActive;
  const isLeftOut = (leaving.views.get(replica) ?? 0) >= view;
  const before = leaving.granted.get(replica);
  const failed = before?.failed ?? 0;
  const isTooSoon = before !== undefined && before.view !== view && elapsedMs < before.at + intervalMs * 2 ** failed;
  if (isTooSoon || (!isItsOwn && !isLeftOut)) return;
  leaving.granted.set(replica, { view, at: elapsedMs, failed });
  join(step, view);
}

/** Whether this replica has agreed, within the interval, to a hand-over to another view of the same primary. */
function wasHandedTo({ state: { leaving, clock }, n }: Step, view: View, intervalMs: number): boolean {
  const last = leaving.handedTo.get(primaryOf(view, n));
  return last !== undefined && last.view !== view && clock.elapsedMs < last.at + intervalMs;
}

/** Agrees to the hand-over of others to this view. */
function join(step: Step, view: View): void {
  const { state: { leaving, clock }, n } = step;
  leaving.handedTo.set(primaryOf(view, n), { view, at: clock.elapsedMs });
  agree(step, view);
}

/** Withdraws an agreement that has led to no view change. */
export function endAgreement(step: Step): void {
  const at = agreementEndsAt(step);
  if (at !== null && step.state.suspicion.awakeMs >= at) withdraw(step);
}

/**
 * When the agreement is withdrawn, in time awake; `null`: never. A replica that waits in a view for the others goes on
 * asking.
 */
export function agreementEndsAt({ state: { leaving, view }, env: { settings } }: Step): number | null {
  const said = leaving.own?.message;
  if (said?.standing !== "agrees" || said.view <= view) return null;
  return leaving.announcedAt + AGREEMENT_TIMEOUTS * settings.viewTimeoutMs;
}
