/**
 * Hand-overs: a view is left without blaming anybody (see leaving.ts).
 * @module
 */
import type { View } from "../messages/ids.ts";
import { isSaid, isSaidHere } from "./leaving.ts";
import type { Suspicion } from "../messages/messages.ts";
import { maxFaulty, primaryOf } from "../messages/quorum.ts";
import type { Step } from "../step.ts";
import { say, withdraw } from "./own_suspicion.ts";
import { sendStatus } from "../upkeep/own_status.ts";

/** A backup can have a hand-over this often: nobody keeps the others busy for nothing. */
const GRANT_INTERVAL_MS = 30_000;
/** An agreement that leads to nothing ends after so many timeouts. */
const AGREEMENT_TIMEOUTS = 4;

/** Agrees to a hand-over to this view, or still does so further on. */
function agree(step: Step, view: View): void {
  if (counts(step, view)) return;
  if (!isSaid(step, "agrees", view)) step.event({ kind: "suspicion", view, why: "hand-over" });
  say(step, view, "agrees");
}

/**
 * Whether what it said last counts for this view together with what others say now. It may be from too far back: what it has asked
 * for in vain, or the suspicion by which it left alone, if the others took theirs back and went on.
 */
function counts(step: Step, view: View): boolean {
  return (isSaid(step, "agrees", view) || isSaid(step, "suspects", view)) && isSaidHere(step);
}

/** This replica is about to be stopped: as primary it asks for a hand-over, to the next primary that seems to be there. */
export function onHandOver(step: Step): void {
  const { state, self, n } = step;
  if (!step.isPrimary || !step.isActive || !step.mayVote || n === 1) return;
  const recent = step.now - 2 * step.env.settings.idleStatusMs;
  const isThere = (view: number) => (state.status.heardAt.get(primaryOf(view as View, n)) ?? -Infinity) >= recent;
  let view = state.view + 1;
  while (view < state.view + n && !isThere(view)) view++;
  agree(step, (view % n === self || view === state.view + n ? state.view + 1 : view) as View);
}

/** In a view to which a quorum has not come: asks the others for a hand-over to it. */
export function askHandOver(step: Step): void {
  const { state, self } = step;
  if (step.isActive || !step.mayVote) return;
  if (state.suspicion.awakeMs < state.leaving.movedAt + step.env.settings.statusIntervalMs) return;
  let below = 0;
  for (const [replica, view] of state.leaving.views) if (replica !== self && view < state.view) below++;
  if (step.n - below >= step.quorum || counts(step, state.view)) return;
  sendStatus(step); // which shows that it is here
  agree(step, state.view);
}

/**
 * Agrees with whoever asks for a hand-over, if it may: the primary of this view, or a replica that is beyond it, now and then. Or with
 * f + 1 who agree already, one of them correct.
 */
export function grantHandOver(step: Step, { replica, view, standing }: Suspicion): void {
  const { state, n } = step;
  const { leaving, clock: { elapsedMs } } = state;
  if (standing !== "agrees" || !step.mayVote || view <= state.view || view > state.view + n) return;
  const asking = [...leaving.heard.values()].filter(({ message }) => {
    return message.view === view && message.standing === "agrees" && message.replica !== step.self;
  });
  if (asking.length > maxFaulty(n)) return agree(step, view);
  const isItsOwn = replica === step.primary && step.isActive;
  const isLeftOut = (leaving.views.get(replica) ?? 0) >= view;
  const before = leaving.granted.get(replica);
  const isTooSoon = before !== undefined && before.view !== view && elapsedMs < before.at + GRANT_INTERVAL_MS;
  if (!isItsOwn && (!isLeftOut || isTooSoon)) return;
  leaving.granted.set(replica, { view, at: elapsedMs });
  agree(step, view);
}

/** Takes an agreement back that has led to nothing. */
export function endAgreement(step: Step): void {
  const at = agreementEndsAt(step);
  if (at !== null && step.state.suspicion.awakeMs >= at) withdraw(step);
}

/** When that is, in time awake. Whoever waits in a view for the others goes on asking. */
export function agreementEndsAt({ state: { leaving, view }, env: { settings } }: Step): number | null {
  const said = leaving.own?.message;
  if (said?.standing !== "agrees" || said.view <= view) return null;
  return leaving.saidAt + AGREEMENT_TIMEOUTS * settings.viewTimeoutMs;
}
