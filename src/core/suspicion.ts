/**
 * When a backup stops trusting its primary (PBFT §4.4, §4.5.2; after Aardvark and RBFT also when the primary is slow or unfair).
 * @module
 */
import { lagsInTime } from "./agreed_time.ts";
import { isBehind } from "./behind.ts";
import type { Millis, View } from "./ids.ts";
import type { Suspicion } from "./events.ts";
import { isUnfilled } from "./lost_disk.ts";
import { leaveFor } from "./view_change.ts";
import type { Step, SuspicionTimer } from "./state.ts";

/** How many timeouts a replica that is behind waits, and one that keeps hearing from its primary. */
const PATIENCE = 4;

/** At the end of each step: sets, resets or fires the timer. */
export function checkSuspicion(step: Step): void {
  const { state } = step;
  const timer = state.suspicion;
  stayAwake(step);
  if (!step.mayVote) return;
  if (!step.isActive) {
    // It lives, so it has its time.
    if (timer.dueAt !== null && step.heardFrom === step.primary) timer.dueAt = timer.dueAtLatest;
    if (isDue(step)) giveUpOnNewView(step);
    return;
  }
  if (state.lastExecuted > timer.executed) {
    timer.executed = state.lastExecuted;
    timer.timeoutMs = step.env.settings.viewTimeoutMs;
    stopWaiting(timer);
  }
  if (step.isPrimary || state.transfer || !isWaiting(step)) return stopWaiting(timer);
  // What the others have and this replica lacks is hardly the primary's fault; but they may not be able to help it any more.
  timer.dueAt ??= timer.awakeMs + timer.timeoutMs * (isBehind(step) ? PATIENCE : 1);
  if (step.heardFrom === step.primary) bePatient(step, timer.dueAt);
  const why = isDue(step) ? "no-progress" : lagsInTime(step) ? "slow-time" : unfairness(step);
  if (why === null) return;
  timer.timeoutMs = Math.min(2 * timer.timeoutMs, 64 * step.env.settings.viewTimeoutMs);
  leaveFor(step, (state.view + 1) as View, why);
}

/**
 * A primary that is dead says nothing; one that is heard may be as overloaded as everybody else, and replacing it would make
 * that worse. It is given more time, but not for ever: it may be a liar, or a liar may repeat what it once said.
 */
function bePatient(step: Step, dueAt: number): void {
  const timer = step.state.suspicion;
  timer.dueAtLatest ??= dueAt + (PATIENCE - 1) * timer.timeoutMs;
  timer.dueAt = Math.max(dueAt, Math.min(timer.awakeMs + timer.timeoutMs, timer.dueAtLatest));
}

/** Nothing is waited for any more. */
function stopWaiting(timer: SuspicionTimer): void {
  timer.dueAt = timer.dueAtLatest = null;
}

/** When the timer is due next. */
export function suspicionAt(step: Step): Millis | null {
  const { dueAt, awakeMs } = step.state.suspicion;
  return dueAt === null ? null : (step.now + Math.max(0, dueAt - awakeMs)) as Millis;
}

/**
 * Patience is measured in the time that this replica was awake. A sleep, however long, counts as half a timeout at most, so that
 * what came in meanwhile is taken up before anybody is suspected; a clock that is set back or forth does no harm.
 */
function stayAwake(step: Step): void {
  const timer = step.state.suspicion;
  const gap = step.now - (timer.steppedAt ?? step.now);
  timer.awakeMs += Math.max(0, Math.min(gap, timer.timeoutMs / 2));
  timer.steppedAt = step.now;
}

function isDue(step: Step): boolean {
  const { dueAt, awakeMs } = step.state.suspicion;
  return dueAt !== null && awakeMs >= dueAt;
}

/** The primary of the view that we wait for has had its time: on to the next, with twice the patience. */
function giveUpOnNewView(step: Step): void {
  const { suspicion, view } = step.state;
  suspicion.timeoutMs = Math.min(2 * suspicion.timeoutMs, 64 * step.env.settings.viewTimeoutMs);
  leaveFor(step, (view + 1) as View, "no-new-view");
}

/** Whether there is something that a correct primary would get done. */
function isWaiting(step: Step): boolean {
  const { state } = step;
  return state.pending.size > 0 || isUnfilled(step) ||
    state.log.highestOpen(state.view, state.lastExecuted) > state.lastExecuted;
}

/** Whether the request that has waited longest is being starved. */
function unfairness(step: Step): Suspicion | null {
  const oldest = step.state.pending.oldest();
  if (!oldest) return null;
  const { maxPendingRequests, slowPrimaryMs } = step.env.settings;
  const { executed, fullBatches } = step.state.pending;
  if (executed - oldest.executedBefore > maxPendingRequests) return "overtaken";
  // A batch that is not full has room for all that waits. Full ones show that there is more to do than can be done.
  const hadRoom = fullBatches === oldest.fullBatchesBefore;
  const { awakeMs } = step.state.suspicion;
  oldest.waitingSince ??= awakeMs;
  return hadRoom && awakeMs - oldest.waitingSince > slowPrimaryMs ? "slow-primary" : null;
}
