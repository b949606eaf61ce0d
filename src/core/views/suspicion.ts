/**
 * When a backup stops trusting its primary (PBFT §4.4, §4.5.2; after Aardvark and RBFT also when the primary is slow or unfair).
 * What it does then is in leaving.ts.
 * @module
 */
import { lagsInTime } from "../ordering/agreed_time.ts";
import { endAnswered } from "../ordering/answers.ts";
import type { SuspicionReason } from "../events.ts";
import type { Millis } from "../messages/ids.ts";
import { agreementEndsAt, endAgreement } from "./hand_over.ts";
import { isSuspicious } from "./leaving.ts";
import { fairnessRules, gainPatience } from "./patience.ts";
import type { SuspicionTimer } from "../state.ts";
import type { Step } from "../step.ts";
import { suspect, trust } from "./own_suspicion.ts";
import { isUnfilled } from "../recovery/log_filling.ts";

/** How many timeouts a replica that is behind waits, and one that keeps hearing from its primary. */
const PATIENCE = 4;

/** At the end of each step: sets, resets or fires the timer. */
export function checkSuspicion(step: Step): void {
  stayAwake(step);
  if (!step.mayVote) return;
  endAgreement(step);
  const reasonOf = step.isActive ? reasonInView : reasonWithoutNewView;
  let why = reasonOf(step);
  // What has been answered meanwhile by another path is no reason: the primary can't order it any more.
  if (why !== null && endAnswered(step)) why = reasonOf(step);
  if (why === null) trust(step);
  else suspect(step, why);
}

function reasonWithoutNewView(step: Step): SuspicionReason | null {
  const timer = step.state.suspicion;
  // It lives, so it has its time.
  if (timer.dueAt !== null && step.heardFrom === step.primary) timer.dueAt = timer.dueAtLatest;
  return isDue(step) ? "no-new-view" : null;
}

function reasonInView(step: Step): SuspicionReason | null {
  const { state } = step;
  const timer = state.suspicion;
  if (state.lastExecuted > timer.executed) {
    timer.executed = state.lastExecuted;
    gainPatience(step, timer);
    stopWaiting(timer);
  }
  if (step.isPrimary || state.transfer || !isWaiting(step)) {
    stopWaiting(timer);
    return null;
  }
  // What the others have and this replica lacks is hardly the primary's fault; but they may not be able to help it any more.
  timer.dueAt ??= timer.awakeMs + timer.timeoutMs * (step.isBehind ? PATIENCE : 1);
  if (step.heardFrom === step.primary) bePatient(step, timer.dueAt);
  if (isDue(step)) return "no-progress";
  return lagsInTime(step) ? "slow-time" : state.pending.verdict(timer.awakeMs, fairnessRules(step));
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

/** When the timer is due next; never while it may say nothing, as it would be woken for that again and again. */
export function suspicionAt(step: Step): Millis | null {
  if (!step.mayVote) return null;
  const { dueAt, awakeMs } = step.state.suspicion;
  const agreement = agreementEndsAt(step) ?? Infinity;
  const at = Math.min(isSuspicious(step) ? Infinity : dueAt ?? Infinity, agreement);
  // Whole milliseconds, as clocks have them: with a fraction it would be woken in vain until the next begins.
  return at === Infinity ? null : (step.now + Math.max(0, Math.ceil(at - awakeMs))) as Millis;
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

/** Whether there is something that a correct primary would get done. */
function isWaiting(step: Step): boolean {
  const { state } = step;
  return state.pending.size > 0 || isUnfilled(step) ||
    state.log.highestOpen(state.view, state.lastExecuted) > state.lastExecuted;
}
