/**
 * Agreed time: the time that operations see, and that sessions and names grow old by. No clock decides on it alone, whatever the clocks
 * say and however they jump.
 *
 * Each replica keeps an *estimate* of it: the agreed time that it has executed, and what has passed here since, measured from step to
 * step by the host's monotonic clock. Where it has none its clock must do; if that is set back or forth, the estimate moves by nothing, or
 * by a few seconds at most. Over a restart, when nothing else measures, the clock does, corrected by what it was off before.
 *
 * **A primary** proposes its estimate. Only before anything is agreed does it propose its clock.
 *
 * **A backup** takes up a fresh pre-prepare whose timestamp is not above its *ceiling*: its estimate and {@linkcode AgreedClock.credit},
 * or its clock and `maxClockSkewMs`, whichever is more. Above that it waits until it is not; batches that a new-view carries are exempt.
 *
 * - A correct primary is not held up: its estimate and the backups' rest on the same agreed time and grow alike, with clocks wrong by any
 *   amount in any direction. What they differ by (latency, drift) the credit covers, and beyond that the pre-prepare waits for the
 *   difference, not for a clock. Two exceptions cost a view change at worst, as the next primary proposes its own estimate: the first
 *   batch of a cluster, and a replica whose clock was changed while it was down.
 * - A liar can push agreed time ahead of a correct backup with the right clock by `maxClockSkewMs` and its credit, once, as credit that
 *   was used comes back at a thousandth of the pace of time. To push it further it needs a quorum whose clocks are wrong, or liars.
 *
 * **Progress.** A backup watches the timestamps of its primary's batches: since the view's first, agreed time must have moved by half of
 * what has passed here, `maxClockSkewMs` forgiven. A primary that freezes it, or lets it lag, is suspected once it has done so in two
 * batches, `slowPrimaryMs` apart ({@linkcode lagsInTime}). A correct one proposes its estimate, which does not stop.
 *
 * Estimates drift towards the replica's clock by a ten-thousandth, so that clocks that are right keep the agreed time right.
 *
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";
import type { Batch } from "../messages/messages.ts";
import type { AgreedClock } from "../state.ts";
import type { Step } from "../step.ts";

/** Estimates drift towards the clock at this pace: more than clocks' own errors, too little to matter where they are wrong. */
const DRIFT = 1 / 10_000;
/** Credit comes back at this pace. */
const REPAYMENT = 1 / 1_000;
/** Less of a change of the offset is not worth a record, ms. */
const OFFSET_GRAIN_MS = 1_000;

/** Before the start. `savedOffset`: how far the estimate was from the clock in the life before. */
export function newClock(savedOffset = 0): AgreedClock {
  return { elapsedMs: 0, steppedAt: null, estimate: null, credit: 0, savedOffset, watch: null };
}

/** At the beginning of each step: time has passed. */
export function passTime({ state: { clock }, now, passedMs, env }: Step): void {
  const here = passedMs ?? now;
  const gap = here - (clock.steppedAt ?? here);
  const { idleStatusMs, viewTimeoutMs } = env.settings;
  // A replica steps at least once per idleStatusMs. More is a host that was stopped, or a clock that was set forth.
  const passed = Math.max(0, Math.min(gap, 2 * Math.max(idleStatusMs, viewTimeoutMs)));
  clock.steppedAt = here;
  clock.elapsedMs += passed;
  clock.credit = Math.min(env.genesis.limits.maxClockSkewMs, clock.credit + passed * REPAYMENT);
  if (clock.estimate === null) return;
  const next = clock.estimate + passed;
  clock.estimate = next + Math.max(-passed * DRIFT, Math.min(now - next, passed * DRIFT));
}

/**
 * At the start, before the numbers that were executed in earlier lives are executed again, and after: the estimate goes on from the
 * clock, as far as that was right before. Those numbers tell when they were agreed on, not how late it is now.
 */
export function resumeTime({ state: { clock, agreedTime, log, lastExecuted }, now, env }: Step): void {
  if (agreedTime === 0 && log.highestCommitted() <= lastExecuted) return;
  clock.estimate = Math.max(agreedTime, now + clock.savedOffset);
  clock.credit = env.genesis.limits.maxClockSkewMs / 5;
}

/** The state was fetched, and agreed time with it. */
export function skipTime({ state }: Step, agreedTime: Millis): void {
  const { clock } = state;
  state.agreedTime = agreedTime;
  if (agreedTime > 0) clock.estimate = Math.max(clock.estimate ?? 0, agreedTime);
}

/** A batch with requests was executed: this is the agreed time now. */
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

/** The timestamp of a batch that is proposed now. */
export function proposalTime({ state: { clock, agreedTime }, now }: Step): Millis {
  const estimate = clock.estimate === null ? now : Math.floor(clock.estimate);
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(agreedTime, estimate)) as Millis;
}

/** The highest timestamp that a fresh pre-prepare may have now. */
export function ceiling({ state: { clock }, now, env }: Step): number {
  const byClock = now + env.genesis.limits.maxClockSkewMs;
  return clock.estimate === null ? byClock : Math.max(byClock, clock.estimate + clock.credit);
}

/** When the ceiling comes to a timestamp, if nothing is executed meanwhile. */
export function reachedAt(step: Step, timestamp: Millis): Millis {
  return Math.ceil(step.now + Math.max(0, timestamp - ceiling(step))) as Millis;
}

/** A backup accepts a fresh batch: does its primary keep the agreed time going? */
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
  // One that was quick before must not stand still for it later.
  if (moved >= passed) Object.assign(watch, { fromMs: elapsedMs, from: latest });
  if (moved >= passed / 2 - env.genesis.limits.maxClockSkewMs) watch.lagging = 0;
  else if (sequence > step.state.lastExecuted && watch.lagging++ === 0) watch.laggingSinceMs = elapsedMs;
}

/** Whether the primary of this view freezes the agreed time, or lets it lag: a reason to suspect it. */
export function lagsInTime(step: Step): boolean {
  const { state: { clock, view }, env } = step;
  const { watch, elapsedMs } = clock;
  if (!watch || watch.view !== view || watch.lagging < 2 || step.isPrimary || step.isBehind) return false;
  return elapsedMs - watch.laggingSinceMs >= env.settings.slowPrimaryMs;
}
