/**
 * When a backup stops trusting its primary (PBFT §4.4, §4.5.2; after Aardvark and RBFT also when the primary is slow or unfair).
 * @module
 */
import type { Millis, View } from "./ids.ts";
import type { Suspicion } from "./events.ts";
import { isBehind } from "./retransmission.ts";
import { leaveFor } from "./view_change.ts";
import type { Step } from "./state.ts";

/** How many timeouts a replica that is behind waits. */
const PATIENCE_WHEN_BEHIND = 4;

/** At the end of each step: sets, resets or fires the timer. */
export function checkSuspicion(step: Step): void {
  const { state } = step;
  const timer = state.suspicion;
  stayAwake(step);
  if (!step.mayVote) return;
  if (!step.isActive) {
    if (isDue(step)) giveUpOnNewView(step);
    return;
  }
  if (state.lastExecuted > timer.executed) {
    timer.executed = state.lastExecuted;
    timer.timeoutMs = step.env.settings.viewTimeoutMs;
    timer.dueAt = null;
  }
  if (step.isPrimary || state.transfer || !isWaiting(step)) {
    timer.dueAt = null;
    return;
  }
  // What the others have and this replica lacks is hardly the primary's fault; but they may not be able to help it any more.
  timer.dueAt ??= timer.awakeMs + timer.timeoutMs * (isBehind(step) ? PATIENCE_WHEN_BEHIND : 1);
  const why = isDue(step) ? "no-progress" : unfairness(step);
  if (why === null) return;
  timer.timeoutMs = Math.min(2 * timer.timeoutMs, 64 * step.env.settings.viewTimeoutMs);
  leaveFor(step, (state.view + 1) as View, why);
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
  return state.pending.size > 0 || state.log.highestOpen(state.view) > state.lastExecuted;
}

/** Whether the request that has waited longest is being starved. */
function unfairness(step: Step): Suspicion | null {
  const oldest = step.state.pending.oldest();
  if (!oldest) return null;
  const { maxPendingRequests, slowPrimaryMs, pipelineDepth } = step.env.settings;
  if (step.state.pending.executed - oldest.executedBefore > maxPendingRequests) return "overtaken";
  const hasRoom = step.state.log.highestOpen(step.state.view) - step.state.lastExecuted < pipelineDepth;
  const { awakeMs } = step.state.suspicion;
  oldest.waitingSince ??= awakeMs;
  return hasRoom && awakeMs - oldest.waitingSince > slowPrimaryMs ? "slow-primary" : null;
}
