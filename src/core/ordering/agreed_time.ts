/**
 * Agreed time: the time that operations see, and by which sessions and names age. No single clock decides it, whatever
 * the clocks say and however they jump.
 *
 * Each replica keeps an *estimate*: the last executed agreed time plus the time that has passed here since, measured by
 * the host's monotonic clock. A host without one is measured by its clock; if that is set back, the estimate stands
 * still, and if it is set forward, the estimate moves by a few seconds at most. Across a restart only the clock can
 * measure, corrected by its earlier difference from the estimate.
 *
 * **A primary** proposes its estimate as the timestamp of a batch. Before anything is agreed it proposes its clock.
 *
 * **A backup** accepts a fresh pre-prepare if its timestamp is at most the *ceiling*: the estimate plus
 * {@linkcode AgreedClock.credit}, or the clock plus `maxClockSkewMs`, whichever is more. A higher timestamp is kept
 * until the ceiling reaches it. Batches carried by a new-view are exempt.
 *
 * - A correct primary is not held up. Its estimate and those of the backups start from the same agreed time and grow
 *   alike, even if clocks are wrong by any amount. Credit covers their differences (latency, drift). Beyond that, the
 *   pre-prepare waits for the difference only. There are two exceptions: the first batch of a cluster, and a replica
 *   whose clock was changed while it was down. A backup that would have to wait for longer than `slowPrimaryMs` suspects
 *   the primary at once ({@linkcode isFarAhead}): otherwise each batch would take so long, and the replicas would take
 *   that for the pace of their network. The next primary proposes its own estimate.
 * - A backup whose clock was set back while it was down would hold up every batch, if its vote is needed. So once after
 *   a start it accepts a higher timestamp that f + 1 replicas stand for, the primary among them: one of them is correct,
 *   and by its estimate the time has come ({@linkcode mayFollow}).
 * - A liar can push agreed time ahead of a correct backup with a right clock by at most `maxClockSkewMs` plus credit,
 *   and only once: used credit returns at a thousandth of the pace of time. To push it further, a quorum must have
 *   wrong clocks or lie; or the others have been started, and no batch has shown yet that their clocks are right, while
 *   one correct replica has a wrong clock.
 *
 * **Progress.** A backup watches the timestamps of its primary's batches. Since the first batch of the view, agreed
 * time must have moved by at least half of the time that has passed here, less `maxClockSkewMs`. A primary that freezes
 * it or lets it lag is suspected after two such batches `slowPrimaryMs` apart ({@linkcode lagsInTime}). A correct
 * primary proposes its estimate, which does not stop.
 *
 * Estimates drift towards the replica's clock by one part in ten thousand, so right clocks keep the agreed time right.
 *
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";
import type { Batch } from "../messages/messages.ts";
import type { AgreedClock } from "../state.ts";
import { matchingPrepares, type Slot } from "./message_log.ts";
import type { Step } from "../step.ts";

/**
 * The pace at which estimates drift towards the clock: more than the error of clocks, and too little to matter if a
 * clock is wrong.
 */
const DRIFT = 1 / 10_000;
/** The pace at which credit returns. */
const REPAYMENT = 1 / 1_000;
/** The offset is stored again only if it changed by this much, ms. */
const OFFSET_GRAIN_MS = 1_000;

/**
 * So long after its start, in maxima of the skew, a replica takes a timestamp near its estimate as a sign that the estimate is right. Before, it
 * may be that of a batch which was proposed long ago and has waited for this replica.
 */
const SKEWS_UNTIL_SURE = 2;

/** The clock before the start. `savedOffset`: the stored difference between estimate and clock. */
export function newClock(savedOffset = 0): AgreedClock {
  return { elapsedMs: 0, steppedAt: null, estimate: null, credit: 0, savedOffset, isUnsure: false, watch: null };
}

/** At the beginning of each step: advances the elapsed time and the estimate. */
export function passTime({ state: { clock }, now, passedMs, env }: Step): void {
  const here = passedMs ?? now;
  const gap = here - (clock.steppedAt ?? here);
  const { idleStatusMs, viewTimeoutMs } = env.settings;
  // A replica steps at least once per idleStatusMs. A larger gap means that the host was stopped, or that the clock was
  // set forward.
  const passed = Math.max(0, Math.min(gap, 2 * Math.max(idleStatusMs, viewTimeoutMs)));
  clock.steppedAt = here;
  clock.elapsedMs += passed;
  clock.credit = Math.min(env.genesis.limits.maxClockSkewMs, clock.credit + passed * REPAYMENT);
  if (clock.estimate === null) return;
  const next = clock.estimate + passed;
  clock.estimate = next + Math.max(-passed * DRIFT, Math.min(now - next, passed * DRIFT));
}

/**
 * At a start: sets the estimate from the clock and the stored offset. It is called before and after the decided numbers
 * are executed again, because these tell when they were agreed on, and not how late it is now.
 */
export function resumeTime({ state: { clock, agreedTime, log, lastExecuted, status }, now, env }: Step): void {
  if (agreedTime === 0 && log.highestCommitted() <= lastExecuted) return;
  clock.estimate = Math.max(agreedTime, now + clock.savedOffset);
  clock.credit = env.genesis.limits.maxClockSkewMs / 5;
  // A host that starts a replica for each message has stored timers. It starts it so often that this would always hold.
  clock.isUnsure = status.dueAt === 0;
}

/** A state transfer has brought a later state, with its agreed time. */
export function skipTime({ state }: Step, agreedTime: Millis): void {
  const { clock } = state;
  state.agreedTime = agreedTime;
  if (agreedTime > 0) clock.estimate = Math.max(clock.estimate ?? 0, agreedTime);
}

/** A batch with requests was executed and has set the agreed time. */
export function noteAgreedTime(step: Step): void {
  const { state: { clock, agreedTime }, now } = step;
  const { maxClockSkewMs } = step.env.genesis.limits;
  if (clock.estimate === null) {
    clock.credit = Math.max(0, maxClockSkewMs - Math.max(0, agreedTime - now));
    clock.estimate = agreedTime;
  } else if (agreedTime > clock.estimate) {
    clock.credit = Math.max(0, clock.credit - (agreedTime - clock.estimate));
    clock.estimate = agreedTime;
  }
  const offset = Math.round(clock.estimate - now);
  if (Math.abs(offset - clock.savedOffset) < OFFSET_GRAIN_MS) return;
  clock.savedOffset = offset;
  step.persist({ kind: "clock", offset });
}

/** The timestamp for a batch that is proposed now. */
export function proposalTime({ state: { clock, agreedTime }, now }: Step): Millis {
  const estimate = clock.estimate === null ? now : Math.floor(clock.estimate);
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(agreedTime, estimate)) as Millis;
}

/** The highest timestamp that a fresh pre-prepare may have now. */
export function ceiling({ state: { clock }, now, env }: Step): number {
  const byClock = now + env.genesis.limits.maxClockSkewMs;
  return clock.estimate === null ? byClock : Math.max(byClock, clock.estimate + clock.credit);
}

/**
 * Whether a fresh batch may have a timestamp above the ceiling: this replica was started and has not followed the others since, and f + 1 replicas
 * have accepted the batch. It counts with the primary, which stands for its own timestamp.
 */
export function mayFollow({ state: { clock }, f, n }: Step, slot: Slot): boolean {
  return clock.isUnsure && 1 + matchingPrepares(slot, n, slot.waiting?.prePrepare).length > f;
}

/** A backup accepts a fresh batch: goes by its timestamp if that is ahead of a doubtful estimate. */
export function compareTime(step: Step, { timestamp }: Batch): void {
  const { state: { clock }, env: { genesis: { limits: { maxClockSkewMs } } } } = step;
  if (!clock.isUnsure || clock.estimate === null) return;
  const isAhead = timestamp > ceiling(step);
  if (isAhead) clock.estimate = timestamp;
  const isNear = timestamp >= clock.estimate - maxClockSkewMs && clock.elapsedMs >= SKEWS_UNTIL_SURE * maxClockSkewMs;
  clock.isUnsure = !isAhead && !isNear;
}

/** When the ceiling reaches a timestamp, if nothing is executed until then. */
export function reachedAt(step: Step, timestamp: Millis): Millis {
  return Math.ceil(step.now + Math.max(0, timestamp - ceiling(step))) as Millis;
}

/** A backup accepts a fresh batch: notes whether the primary keeps the agreed time moving. */
export function watchProgress(step: Step, sequence: SequenceNumber, batch: Batch): void {
  const { state: { clock, view, agreedTime }, env } = step;
  if (step.isPrimary || batch.requests.length === 0 || step.isBehind) return;
  const { elapsedMs, watch } = clock;
  const latest = Math.max(agreedTime, batch.timestamp, watch?.view === view ? watch.latest : 0);
  if (watch?.view !== view) {
    clock.watch = { view, fromMs: elapsedMs, from: latest, latest, lagging: 0, laggingSinceMs: 0 };
    return;
  }
  watch.latest = latest;
  const moved = latest - watch.from;
  const passed = elapsedMs - watch.fromMs;
  // Starts the watch anew, so that time gained earlier does not allow a standstill later.
  if (moved >= passed) Object.assign(watch, { fromMs: elapsedMs, from: latest });
  if (moved >= passed / 2 - env.genesis.limits.maxClockSkewMs) watch.lagging = 0;
  else if (sequence > step.state.lastExecuted && watch.lagging++ === 0) watch.laggingSinceMs = elapsedMs;
}

/** Whether a proposal of this view's primary is so far ahead in time that it has to wait for longer than a primary may be slow. */
export function isFarAhead(step: Step): boolean {
  const { state: { early, log, view, lastExecuted }, env: { settings }, now } = step;
  if (step.isBehind) return false;
  return [...early].some((sequence) => {
    const { waiting = null, committed = null } = log.find(sequence) ?? {};
    if (!waiting?.batch || waiting.carried || committed !== null || sequence <= lastExecuted) return false;
    return waiting.prePrepare.message.view === view &&
      reachedAt(step, waiting.batch.timestamp) - now > settings.slowPrimaryMs;
  });
}

/** Whether the primary of this view freezes the agreed time, or lets it lag, so that it is to be suspected. */
export function lagsInTime(step: Step): boolean {
  const { state: { clock, view }, env } = step;
  const { watch, elapsedMs } = clock;
  if (!watch || watch.view !== view || watch.lagging < 2 || step.isPrimary || step.isBehind) return false;
  return elapsedMs - watch.laggingSinceMs >= env.settings.slowPrimaryMs;
}
