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
export const GRANT_INTERVAL_MS = 30_000;
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
 * or a replica that is in a higher view.
 *
 * Otherwise it joins f + 1 others that agree, because one of them is correct, but only once per interval. Without that
 * limit f liars would ask one correct replica after the other: each grants every liar one hand-over, and the rest join
 * without having granted anything. A hand-over takes the agreement of f + 1 of the 2 f + 1 correct replicas (n = 3 f + 1),
 * and each of them gives it to f liars, and once more to join. So liars get at most 2 f + 1 hand-overs in an interval, and
 * the interval is as long as n primaries may be slow.
 */
export function grantHandOver(step: Step, { replica, view, standing }: Suspicion): void {
  const { state, n } = step;
  const { leaving, clock: { elapsedMs } } = state;
  if (standing !== "agrees" || !step.mayVote || view <= state.view || view > state.view + n) return;
  // Liars that hand over to each other in turn keep a request waiting for less than the time for which each would be
  // suspected by itself.
  const intervalMs = Math.max(GRANT_INTERVAL_MS, n * fairnessRules(step).maxWaitMs);
  const isItsOwn = replica === step.primary && step.isActive;
  const isLeftOut = (leaving.views.get(replica) ?? 0) >= view;
  const before = leaving.granted.get(replica);
  const failed = before?.failed ?? 0;
  const isTooSoon = before !== undefined && before.view !== view && elapsedMs < before.at + intervalMs * 2 ** failed;
  if (isTooSoon || (!isItsOwn && !isLeftOut)) return joinOthers(step, view, intervalMs);
  if (isRepeated(step, before, view)) return;
  leaving.granted.set(replica, { view, at: elapsedMs, failed });
  agree(step, view);
}

/** Agrees to the hand-over to this view if f + 1 others do, once per interval. */
function joinOthers(step: Step, view: View, intervalMs: number): void {
  const { state: { leaving, clock: { elapsedMs } }, n } = step;
  const agreeing = [...leaving.heard.values()].filter(({ message }) => {
    return message.view === view && message.standing === "agrees" && message.replica !== step.self;
  });
  if (agreeing.length <= maxFaulty(n)) return;
  const { joined } = leaving;
  if (joined !== null && joined.view !== view && elapsedMs < joined.at + intervalMs) return;
  if (isRepeated(step, joined, view)) return;
  leaving.joined = { view, at: elapsedMs };
  agree(step, view);
}

/**
 * Whether this replica has agreed to the same a moment ago. A replica that suspects its primary has to agree all the same, because
 * without the one that asks perhaps nobody can go on; and then it suspects again, because one announcement replaces the other. So a
 * liar could make it sign, store and send two announcements for each message. A correct replica asks again with its status, not
 * more often.
 */
function isRepeated(
  { state: { clock }, env: { settings } }: Step,
  before: { readonly view: View; readonly at: number } | null | undefined,
  view: View,
): boolean {
  return before?.view === view && clock.elapsedMs < before.at + settings.statusIntervalMs;
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
