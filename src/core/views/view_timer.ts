/**
 * The view-change timer: when a backup suspects its primary (PBFT §4.4, §4.5.2). After Aardvark and RBFT it also
 * suspects a primary that is slow or unfair. What follows from a suspicion is in leaving.ts.
 * @module
 */
import { isFarAhead, lagsInTime } from "../ordering/agreed_time.ts";
import { removeAnswered } from "../ordering/answers.ts";
import type { SuspicionReason } from "../events.ts";
import type { Millis, ReplicaId } from "../messages/ids.ts";
import { agreementEndsAt, endAgreement } from "./hand_over.ts";
import { isClosing, isOver } from "../epochs/configure.ts";
import { suspectsPrimary } from "./leaving.ts";
import { fairnessRules, resetTimeout } from "./view_timeout.ts";
import type { ViewTimer } from "../state.ts";
import type { Step } from "../step.ts";
import { suspect, withdrawSuspicion } from "./own_suspicion.ts";
import { isUnfilled } from "../recovery/log_filling.ts";

/** How many timeouts a replica that is behind waits, and one that still hears from its primary. */
const PATIENT_TIMEOUTS = 4;
/**
 * The share of the timeout that a primary gets at whose address nothing listens, while a request waits. Its process has ended, or a network
 * or proxy says so. A primary that starts again within the share, and is heard, gets the whole timeout. The share follows
 * what is measured, as the timeout does. The hint alone moves no replica: it takes f + 1 suspicions, as ever (see leaving.ts).
 */
const REFUSED_SHARE = 1 / 4;

/** At the end of each step: starts, stops or fires the timer. */
export function checkViewTimer(step: Step): void {
  advanceAwakeTime(step);
  noteRefusal(step);
  if (!step.mayVote) return;
  endAgreement(step);
  const reasonOf = step.isActive ? reasonInView : reasonWithoutNewView;
  let why = reasonOf(step);
  // A request that was answered by another path meanwhile is no reason: the primary can't order it any more.
  if (why !== null && removeAnswered(step)) why = reasonOf(step);
  if (why === null) withdrawSuspicion(step);
  else suspect(step, why);
}

function reasonWithoutNewView(step: Step): SuspicionReason | null {
  const timer = step.state.suspicion;
  // The next primary is alive, so it gets the whole timeout.
  if (timer.dueAt !== null && step.heardFrom === step.primary) timer.dueAt = timer.dueAtLatest;
  return isDue(step) ? "no-new-view" : null;
}

function reasonInView(step: Step): SuspicionReason | null {
  const { state } = step;
  const timer = state.suspicion;
  if (state.lastExecuted > timer.executed) {
    timer.executed = state.lastExecuted;
    resetTimeout(step, timer);
    stopTimer(timer);
  }
  if (step.isPrimary || state.transfer || !isWaiting(step)) {
    stopTimer(timer);
    return null;
  }
  // The timer isn't stopped: a host that starts this replica anew for each message has it read, and execute again, what was executed before.
  if (isReading(step)) return null;
  // If this replica lacks what the others have executed, that is hardly the primary's fault. But the others may no
  // longer be able to supply it, so the timer runs all the same.
  const isStarting = timer.dueAt === null;
  timer.dueAt ??= timer.awakeMs + timer.timeoutMs * (step.isBehind ? PATIENT_TIMEOUTS : 1);
  if (step.heardFrom === step.primary) extendTimer(step, timer.dueAt);
  if (timer.refusedBy === step.primary && (isStarting || step.refusedBy !== null)) hastenTimer(step, timer.dueAt);
  if (isDue(step)) return "no-progress";
  if (isFarAhead(step)) return "slow-primary";
  return lagsInTime(step) ? "slow-time" : state.pending.verdict(timer.awakeMs, fairnessRules(step));
}

/**
 * Extends the timer because the primary was heard. A dead primary is silent. One that is heard may be as overloaded as
 * all the others, and replacing it would make that worse. The extension is limited: the primary may be a liar, or a
 * liar may repeat its old messages.
 */
function extendTimer(step: Step, dueAt: number): void {
  const timer = step.state.suspicion;
  timer.dueAtLatest ??= dueAt + (PATIENT_TIMEOUTS - 1) * timer.timeoutMs;
  timer.dueAt = Math.max(dueAt, Math.min(timer.awakeMs + timer.timeoutMs, timer.dueAtLatest));
}

/** Whom a pre-prepare is heard from. The others pass it on, so it does not show that its primary lives, if its host refuses connections. */
export function heardBy({ state: { suspicion: { refusedBy } } }: Step, primary: ReplicaId): ReplicaId | null {
  return primary === refusedBy ? null : primary;
}

/** Remembers who refuses connections, until it is heard. */
function noteRefusal({ state: { suspicion: timer }, refusedBy, heardFrom }: Step): void {
  if (refusedBy !== null) timer.refusedBy = refusedBy;
  if (heardFrom !== null && heardFrom === timer.refusedBy) timer.refusedBy = null;
}

/** Nothing listens at the primary's address. A replica that is behind has a trouble of its own, and stays patient. */
function hastenTimer(step: Step, dueAt: number): void {
  const timer = step.state.suspicion;
  if (!step.isBehind) timer.dueAt = Math.min(dueAt, timer.awakeMs + REFUSED_SHARE * timer.timeoutMs);
}

/** Stops the timer. */
function stopTimer(timer: ViewTimer): void {
  timer.dueAt = timer.dueAtLatest = null;
}

/**
 * When the timer is due next; `null` if it is stopped. Also `null` while this replica may not vote, because it would be
 * woken in vain again and again.
 */
export function viewTimerAt(step: Step): Millis | null {
  if (!step.mayVote) return null;
  const { dueAt, awakeMs } = step.state.suspicion;
  const agreement = agreementEndsAt(step) ?? Infinity;
  const isHeld = suspectsPrimary(step) || step.isActive && isReading(step);
  const at = Math.min(isHeld ? Infinity : dueAt ?? Infinity, agreement);
  // Rounded up to whole milliseconds: with a fraction the host would wake this replica in vain until the next
  // millisecond.
  return at === Infinity ? null : (step.now + Math.max(0, Math.ceil(at - awakeMs))) as Millis;
}

/**
 * Advances the time awake, in which this timer runs. A sleep, however long, counts as half a timeout at most, so that
 * the messages that came in meanwhile are handled before the primary is suspected. A clock that is set forward or back
 * does no harm either.
 */
function advanceAwakeTime(step: Step): void {
  const timer = step.state.suspicion;
  const gap = step.now - (timer.steppedAt ?? step.now);
  timer.awakeMs += Math.max(0, Math.min(gap, timer.timeoutMs / 2));
  timer.steppedAt = step.now;
}

function isDue(step: Step): boolean {
  const { dueAt, awakeMs } = step.state.suspicion;
  return dueAt !== null && awakeMs >= dueAt;
}

/** Whether the next number is decided, and only chunks from this replica's own store are missing to execute it. The primary has done its part. */
function isReading({ state: { log, lastExecuted, loads } }: Step): boolean {
  if (loads.size === 0) return false;
  const next = log.find(lastExecuted + 1);
  return next !== undefined && next.committed !== null && next.batch?.digest === next.committed;
}

/** Whether there is work that a correct primary would get done. */
function isWaiting(step: Step): boolean {
  const { state } = step;
  if (isOver(state)) return false;
  return state.pending.size > 0 || isUnfilled(step) || isClosing(state) ||
    state.log.highestOpen(state.view, state.lastExecuted) > state.lastExecuted;
}
