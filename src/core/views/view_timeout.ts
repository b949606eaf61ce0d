/**
 * How long a replica waits for its primary. The timeout follows what is measured here: the time from accepting a batch
 * until it is committed. That time covers two commits to stores and two network trips, of as many replicas as make a
 * quorum. No primary can stretch it much, because the backups tell each other of its proposal and are a quorum without
 * it. So slow disks and slow networks mean slow service, and not one view change after another.
 *
 * Deviation: PBFT §4.5.2 has one timeout, which doubles with each view that fails. Here the doubling starts from the
 * measured time.
 *
 * @module
 */
import type { FairnessRules } from "./fairness.ts";
import type { Slot } from "../ordering/message_log.ts";
import type { ViewTimer } from "../state.ts";
import type { Step } from "../step.ts";

/** Nothing is waited for longer than {@linkcode Settings.viewTimeoutMs} times this. */
const MAX_FACTOR = 64;
/**
 * A request takes longer than a measured round: before that, its batch waits for another one and for the primary's
 * disk.
 */
const ROUNDS = 3;
/**
 * The commits to stores for which a request waits: one each before pre-prepare, prepare and commit. Each of these may
 * have to wait for another commit that is under way.
 */
const COMMITS = 6;
/** The commits to stores for which a view-change waits. */
const COMMITS_OF_LEAVING = 3;

/**
 * A number was committed in this view: measures the time since it was accepted. Mean and deviation are kept as TCP
 * keeps them (RFC 6298).
 */
export function measureRound(step: Step, slot: Slot): void {
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

/**
 * The longest time that a request should take, by the measurements, ms awake. Until a number is committed, the pace of
 * the own store is a hint.
 */
function expectedMs({ state: { suspicion: { roundMs, deviationMs, commitMs } }, env: { settings } }: Step): number {
  return Math.min(
    Math.max(ROUNDS * (roundMs ?? 0) + 4 * deviationMs, COMMITS * commitMs),
    MAX_FACTOR * settings.viewTimeoutMs,
  );
}

/**
 * The host has measured the pace of the own store. The primary's store may be no faster, so a running timer is extended
 * by as much.
 */
export function noteStorePace(step: Step, commitMs: number): void {
  const timer = step.state.suspicion;
  timer.commitMs = commitMs;
  const moreMs = expectedMs(step) - timer.timeoutMs;
  if (moreMs <= 0) return;
  timer.timeoutMs += moreMs;
  if (timer.dueAt !== null) timer.dueAt += moreMs;
  if (timer.dueAtLatest !== null) timer.dueAtLatest += moreMs;
}

/** The least time until another replica's view-change can arrive, ms awake. */
export function leavingMs({ state: { suspicion: { commitMs, timeoutMs } } }: Step): number {
  return Math.min(COMMITS_OF_LEAVING * commitMs, timeoutMs);
}

/**
 * How long a request waits before it is relayed to the primary, ms. Most clients have sent it there, too, so a relay is mostly a
 * copy; where replicas are busy, copies would make all slower. It comes well before a primary that is silent is suspected.
 */
export function relayAfterMs(step: Step): number {
  const { statusIntervalMs, idleStatusMs, viewTimeoutMs } = step.env.settings;
  const ms = Math.floor(statusIntervalMs / viewTimeoutMs * expectedMs(step));
  return Math.min(Math.max(statusIntervalMs, ms), idleStatusMs);
}

/** The rules to which a primary is held while requests are executed. */
export function fairnessRules(step: Step): FairnessRules {
  const { slowPrimaryMs, maxPendingRequests } = step.env.settings;
  return { maxWaitMs: Math.max(slowPrimaryMs, 2 * expectedMs(step)), maxOvertaken: maxPendingRequests };
}

/** A view has failed: doubles the timeout for the next one. */
export function doubleTimeout(step: Step): void {
  const timer = step.state.suspicion;
  timer.timeoutMs = Math.min(2 * timer.timeoutMs, MAX_FACTOR * step.env.settings.viewTimeoutMs);
}

/** Requests are executed, so the primary works: sets the timeout back to what the measurements ask for. */
export function resetTimeout(step: Step, timer: ViewTimer): void {
  timer.timeoutMs = Math.max(step.env.settings.viewTimeoutMs, expectedMs(step));
}
