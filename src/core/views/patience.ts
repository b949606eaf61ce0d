/**
 * How long a replica waits for its primary. Patience follows what is measured here: the time from a batch's acceptance until it is
 * committed holds two commits to stores and two trips through the network, of as many replicas as a quorum takes. No primary
 * can stretch it much: the backups tell each other of its proposal, and they are a quorum without it. So slow disks and slow networks
 * mean slow service, and not one view after another.
 *
 * Deviation: PBFT §4.5.2 has one timeout, which doubles with each view that fails. Here that starts from the measured patience.
 *
 * @module
 */
import type { FairnessRules } from "./fairness.ts";
import type { Slot } from "../ordering/message_log.ts";
import type { SuspicionTimer } from "../state.ts";
import type { Step } from "../step.ts";

/** How much longer than {@linkcode Settings.viewTimeoutMs} anything is ever waited for. */
const MOST = 64;
/** A request takes longer than the part that is measured: before that its batch waits for another, and for the primary's disk. */
const ROUNDS = 3;
/**
 * Commits to stores for which a request waits: one before each of pre-prepare, prepare and commit, and each of these may have to wait for
 * another that is under way.
 */
const COMMITS = 6;
/** Those for which a view-change waits. */
const COMMITS_OF_LEAVING = 3;

/** A number was committed in this view: how long did that take since it was accepted? Mean and deviation as TCP has them (RFC 6298). */
export function noteRound(step: Step, slot: Slot): void {
  const timer = step.state.suspicion;
  if (slot.acceptedAt === null || slot.prePrepare?.message.view !== step.state.view) return;
  const tookMs = timer.awakeMs - slot.acceptedAt;
  if (timer.roundMs === null) {
    timer.roundMs = tookMs;
    timer.deviationMs = tookMs / 2;
    return;
  }
  timer.deviationMs += (Math.abs(tookMs - timer.roundMs) - timer.deviationMs) / 4;
  timer.roundMs += (tookMs - timer.roundMs) / 8;
}

/** How long a request should take at most, from what was measured, ms awake. Before anything was committed, the own store is a hint. */
function expectedMs({ state: { suspicion: { roundMs, deviationMs, commitMs } }, env: { settings } }: Step): number {
  return Math.min(
    Math.max(ROUNDS * (roundMs ?? 0) + 4 * deviationMs, COMMITS * commitMs),
    MOST * settings.viewTimeoutMs,
  );
}

/** The own store takes so long. Whoever is waited for has perhaps no faster one: what is due has as much more time. */
export function noteStorePace(step: Step, commitMs: number): void {
  const timer = step.state.suspicion;
  timer.commitMs = commitMs;
  const moreMs = expectedMs(step) - timer.timeoutMs;
  if (moreMs <= 0) return;
  timer.timeoutMs += moreMs;
  if (timer.dueAt !== null) timer.dueAt += moreMs;
  if (timer.dueAtLatest !== null) timer.dueAtLatest += moreMs;
}

/** How long it takes at least to hear that somebody has left a view, ms awake. */
export function leavingMs({ state: { suspicion: { commitMs, timeoutMs } } }: Step): number {
  return Math.min(COMMITS_OF_LEAVING * commitMs, timeoutMs);
}

/** What a primary is held to while it gets things done. */
export function fairnessRules(step: Step): FairnessRules {
  const { slowPrimaryMs, maxPendingRequests } = step.env.settings;
  return { patienceMs: Math.max(slowPrimaryMs, 2 * expectedMs(step)), maxOvertaken: maxPendingRequests };
}

/** A view has failed: the next is given twice as long. */
export function losePatience(step: Step): void {
  const timer = step.state.suspicion;
  timer.timeoutMs = Math.min(2 * timer.timeoutMs, MOST * step.env.settings.viewTimeoutMs);
}

/** Something was executed, so that the view's primary is well. */
export function gainPatience(step: Step, timer: SuspicionTimer): void {
  timer.timeoutMs = Math.max(step.env.settings.viewTimeoutMs, expectedMs(step));
}
