/**
 * View changes (PBFT §4.4): leaving a view, and starting the next one.
 * @module
 */
import { onStable } from "../checkpoints/checkpoint.ts";
import { bodyOf } from "../ordering/former_bodies.ts";
import type { ReplicaId, SequenceNumber, View } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import { weakQuorum } from "../messages/quorum.ts";
import type { DiscardReason, LeaveReason } from "../events.ts";
import { forgetSuspicions, isRecent, mayMoveTo, noteFailedGrants, suspects } from "./leaving.ts";
import type { NewView, PrePrepare, Signed, Suspicion, Verified, ViewChange } from "../messages/messages.ts";
import { computeNewView, isValidNewView, isValidViewChange } from "./new_view.ts";
import { executeCommitted } from "../ordering/execution.ts";
import { isAwaited } from "../ordering/message_log.ts";
import { acceptWaiting, nullBatch, propose } from "../ordering/normal_case.ts";
import { relay } from "../ordering/requests.ts";
import { doubleTimeout, leavingMs } from "./view_timeout.ts";
import { startTransfer } from "../checkpoints/state_transfer.ts";
import { lowWatermarkOf, type StableCertificate } from "../messages/certificates.ts";
import { compareNewView, compareViewChange } from "../upkeep/contradictions.ts";
import type { Step } from "../step.ts";
import { awaitFilling } from "../recovery/log_filling.ts";
import { sendStatus } from "../upkeep/own_status.ts";
import { resetStatusPace } from "../upkeep/timers.ts";

/**
 * Leaves for view `to` and sends the view-change: from now on this replica votes in no lower view. `proof`: the
 * suspicions that prove that it may leave.
 */
export function leaveFor(
  step: Step,
  to: View,
  { proof, why }: { readonly proof: readonly Signed<Suspicion>[]; readonly why: LeaveReason },
): void {
  const { state } = step;
  invariant(mayMoveTo(step, to), "views", `views only grow: ${state.view} -> ${to}`);
  if (proof.filter(({ message }) => suspects(message)).length >= weakQuorum(step.n)) noteFailedGrants(step);
  const prepared = state.log.slots().flatMap((slot) => slot.prepared ? [slot.prepared] : []);
  const viewChange = step.env.sign<ViewChange>({
    kind: "view-change",
    replica: step.self,
    view: to,
    stable: state.stable,
    prepared,
    suspicions: proof,
  });
  state.view = to;
  state.viewChange = viewChange;
  state.newView = null;
  state.viewChanges.set(step.self, viewChange);
  state.suspicion.dueAt = state.suspicion.dueAtLatest = null;
  if (why === "suspected") doubleTimeout(step);
  forgetSuspicions(step);
  step.persist({ kind: "view", view: to, viewChange, newView: null });
  step.send("all", viewChange);
  resetStatusPace(step);
  step.event({ kind: "view-change", view: to, why });
  checkViewChanges(step);
}

/** Waits in a higher view without a view-change of its own: from now on this replica votes in no lower view. */
export function waitIn(step: Step, view: View): void {
  const { state } = step;
  invariant(view > state.view, "views", `views only grow: ${state.view} -> ${view}`);
  state.view = view;
  state.viewChange = state.newView = null;
  state.suspicion.dueAt = state.suspicion.dueAtLatest = null;
  forgetSuspicions(step);
  state.leaving.changedAt = -Infinity; // nobody else is moving to this view: it may ask for a hand-over at once
  step.persist({ kind: "view", view, viewChange: null, newView: null });
  resetStatusPace(step);
}

/** A view-change arrives. */
export function onViewChange(step: Step, viewChange: Verified<Signed<ViewChange>>): void {
  const { state } = step;
  const { replica, view } = viewChange.message;
  const discard = (reason: DiscardReason) => step.discard("view-change", replica, reason);
  compareViewChange(step, viewChange);
  noteView(step, replica, view);
  if (view < state.view || (view === state.view && step.isActive)) {
    resendNewView(step, replica, view);
    return discard("other-view");
  }
  const known = state.viewChanges.get(replica)?.message;
  if (known && known.view >= view) return discard(known.view > view ? "other-view" : "duplicate");
  if (!isValidViewChange(viewChange.message, step.env.genesis)) return discard("invalid-certificate");
  state.viewChanges.set(replica, viewChange);
  followOthers(step);
  checkViewChanges(step);
}

/**
 * Sends the new-view of the present view to a replica that still leaves for this view, or suspects the primary of an
 * earlier one. A new-view is large, and a liar may repeat old messages: so messages of one view draw it only once. A
 * replica that needs it again says so in its status.
 */
export function resendNewView(step: Step, to: ReplicaId, view: View): void {
  const { newView, status: { newViewSentFor, newViewSentAt } } = step.state;
  if (!newView || view <= (newViewSentFor.get(to) ?? -1)) return;
  newViewSentFor.set(to, view);
  newViewSentAt.set(to, step.now);
  step.send(to, newView);
}

/**
 * Follows replicas that have left. One view-change with a recent proof is enough; this replica follows to the highest
 * such view. If all proofs are from far back, f + 1 view-changes are needed, one of which comes from a correct replica;
 * it follows to the lowest of their views (PBFT §4.5.2).
 */
export function followOthers(step: Step): void {
  const higher = [...step.state.viewChanges.values()].map(({ message }) => message)
    .filter(({ view, replica }) => replica !== step.self && mayMoveTo(step, view))
    .sort((a, b) => b.view - a.view);
  if (!step.mayVote) return;
  const others = higher.find(({ suspicions }) => isRecent(step, suspicions)) ??
    (higher.length > step.f ? higher.at(-1) : undefined);
  if (others) leaveFor(step, others.view, { proof: others.suspicions, why: "others-moved" });
}

/**
 * Checks for a quorum of view-changes. With it the new primary starts the view, and a backup starts the timer for the
 * new-view. For the timer it is enough that a quorum is in this view or a higher one, because those ahead will not come
 * back.
 */
export function checkViewChanges(step: Step): void {
  const { state } = step;
  if (step.isActive || !step.mayVote) return;
  const all = [...state.viewChanges.values()].sort((a, b) => a.message.replica - b.message.replica);
  const forThis = all.filter(({ message }) => message.view === state.view);
  if (step.isPrimary && forThis.length >= step.quorum) return startView(step, forThis.slice(0, step.quorum));
  const gone = [...state.leaving.views].filter(([replica, view]) => replica !== step.self && view >= state.view).length;
  if (gone + 1 >= step.quorum) awaitNewView(step);
}

/**
 * The share of the timeout that a new primary gets if it has not left its view although a quorum has: it seems to be
 * down too. Deviation: §4.5.2 gives each new primary the whole timeout. The share doubles with the timeout, so in the
 * end slow networks get enough time.
 */
const SILENT_PRIMARY_SHARE = 1 / 8;

function awaitNewView(step: Step): void {
  const { state, primary } = step;
  const timer = state.suspicion;
  if (timer.dueAt !== null) return;
  timer.dueAtLatest = timer.awakeMs + timer.timeoutMs;
  const hasLeft = (state.viewChanges.get(primary)?.message.view ?? 0) >= state.view;
  timer.dueAt = hasLeft
    ? timer.dueAtLatest
    : timer.awakeMs + Math.max(timer.timeoutMs * SILENT_PRIMARY_SHARE, leavingMs(step));
}

function startView(step: Step, viewChanges: readonly Verified<Signed<ViewChange>>[]): void {
  const { view } = step.state;
  const nullDigest = nullBatch(step.env).digest;
  const basis = computeNewView(viewChanges, step.env.genesis);
  const prePrepares = basis.digests.map(([sequence, digest]) =>
    step.env.sign<PrePrepare>({ kind: "pre-prepare", replica: step.self, view, sequence, digest: digest ?? nullDigest })
  );
  const newView = step.env.sign<NewView>({ kind: "new-view", replica: step.self, view, viewChanges, prePrepares });
  step.send("all", newView);
  enterView(step, newView, basis);
}

/** A new-view arrives, from its primary or passed on by a replica that is in the view. */
export function onNewView(step: Step, newView: Verified<Signed<NewView>>): void {
  const { state } = step;
  const { replica, view } = newView.message;
  compareNewView(step, newView);
  if (view < state.view || (view === state.view && step.isActive)) {
    return step.discard("new-view", replica, "other-view");
  }
  if (!isValidNewView(newView.message, step.env.genesis, nullBatch(step.env).digest)) {
    return step.discard("new-view", replica, "invalid-certificate");
  }
  if (view > state.view) state.viewChange = null;
  state.view = view;
  enterView(step, newView);
}

/** Enters the view: it starts at this replica. */
function enterView(
  step: Step,
  newView: Verified<Signed<NewView>>,
  { stable } = computeNewView(newView.message.viewChanges, step.env.genesis),
): void {
  const { state } = step;
  const { view, prePrepares } = newView.message;
  state.newView = newView;
  for (const [replica, { message }] of [...state.viewChanges]) {
    if (message.view <= view) state.viewChanges.delete(replica);
  }
  forgetSuspicions(step);
  step.persist({ kind: "view", view, viewChange: state.viewChange, newView });
  step.event({ kind: "new-view", view, primary: step.primary, prepared: prePrepares.length });
  state.pending.startView();
  state.suspicion.dueAt = state.suspicion.dueAtLatest = null;
  resetStatusPace(step);
  if (lowWatermarkOf(stable, step.env.genesis) > state.lastExecuted) startTransfer(step, stable as StableCertificate);
  else onStable(step, stable as StableCertificate);
  if (step.hasEndedTransfer) executeCommitted(step);
  carryOver(step);
  if (step.isPrimary && state.lastExecuted < state.lastProposed) sendStatus(step);
  for (const entry of state.pending.entries()) if (!step.isPrimary) relay(step, entry, step.primary);
  awaitFilling(step);
  propose(step);
}

/**
 * Takes over O: its numbers are agreed on again, and nothing is executed twice.
 *
 * Deviation: §4.4 has every replica vote for each of them. A window has hundreds of numbers, most of which everybody has executed, and
 * until all these votes are written, signed and verified no new request gets its turn. So a replica that has executed a
 * number holds its vote back until it sees the prepare of another replica, which may lack the number
 * ({@linkcode isAwaited}). Whoever lacks it and is no primary sends that prepare, and then all correct replicas vote, as in
 * the paper. The primary sends no prepares, so it shows by its status what it lacks, and is sent the decisions. Nothing depends on the
 * votes that stay away: of a number that was executed anywhere a quorum has committed, so every later V has a certificate of its
 * batch, from the view in which it was decided or a later one.
 *
 * It is called again whenever the window has moved. A replica that is still taking the checkpoint on which O is based reaches not all of
 * O before. If it is the primary nobody sends it its own pre-prepares, and without them it would not vote for those numbers.
 */
export function carryOver(step: Step): void {
  const { state } = step;
  if (!state.newView) return;
  const empty = nullBatch(step.env);
  let highest: number = Math.max(state.log.low, state.log.highestOpen(state.view, state.lastExecuted));
  for (const signed of state.newView.message.prePrepares) {
    const prePrepare = signed as Verified<Signed<PrePrepare>>; // nested in a message that the gate has verified
    const { sequence, digest, view } = prePrepare.message;
    highest = Math.max(highest, sequence);
    if (!state.log.isWithin(sequence)) continue;
    const slot = state.log.slot(sequence);
    if (slot.prePrepare && slot.prePrepare.message.view >= view) continue;
    const isOverruled = slot.committed !== null && slot.committed !== digest;
    if (isOverruled) {
      // This is correct only if a view that started later has decided otherwise, and its decision arrived here first.
      const isLate = slot.decision.every(({ message }) => message.view >= view);
      invariant(
        isLate,
        "agreement",
        `${sequence} is committed as ${slot.committed}, the new view ${view} has ${digest}`,
      );
    }
    const batch = digest === empty.digest ? empty : bodyOf(slot, digest);
    slot.waiting = { prePrepare, batch, carried: true };
    // This replica does not vote for a digest that another decision has overruled. The pre-prepare stays in `waiting`,
    // so that its primary is still held to it.
    if (isOverruled || (sequence <= state.lastExecuted && slot.committed !== null && !isAwaited(slot))) continue;
    acceptWaiting(step, slot);
  }
  state.lastProposed = highest as SequenceNumber;
}
/** Another replica is in this view or moves to it. If a quorum is, waiting for the new-view makes sense. */
export function noteView(step: Step, replica: ReplicaId, view: View): void {
  const { views } = step.state.leaving;
  if (view <= (views.get(replica) ?? -1)) return;
  views.set(replica, view);
  checkViewChanges(step);
}
