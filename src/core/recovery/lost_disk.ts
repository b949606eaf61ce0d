/**
 * A replica that has lost its disk, or was given an old copy of it (TOCS §4.3.2). It may have voted in numbers that it no longer knows
 * of, so it signs no vote, view-change or new-view until a checkpoint is stable above all numbers in which it can have voted. Meanwhile
 * it follows: it executes what the others decide, and fetches the state. It counts among the f.
 *
 * It may also have left for a view that the others are not in, and must vote in none below. So it ends with leaving for a view above
 * all for which it can have left, and votes again from the next view change on, which its view-change makes easier.
 *
 * Deviation: the paper orders a recovery request, so that a faulty primary can't ignore it, and has keys changed, so that what was
 * signed before is void. Here the bound travels in status messages, and the primary fills an idle log up to it with null requests. The
 * backups pass the status on to it, and one that does not fill the log all the same is replaced. What was signed before stays valid.
 *
 * @module
 */
import { stableSequence } from "../checkpoints/checkpoint.ts";
import type { Millis, ReplicaId, SequenceNumber, View } from "../messages/ids.ts";
import type { Signed, Status, Verified } from "../messages/messages.ts";
import type { Step } from "../state.ts";
import { waitIn } from "../views/view_change.ts";
import { voteAgain } from "./vote_again.ts";

/** What one of the others has said of itself since the start. */
export type Report = Pick<Status, "stable" | "executed" | "view">;

/** What a replica without a memory finds out. */
export interface LostDisk {
  /** The clock at the start. Only reports that echo it count: others may be old ones that somebody kept. 0: not started. */
  readonly challenge: Millis;
  /** H_M: it can have voted in no number above; `null` until enough of the others have said where they are. */
  readonly bound: SequenceNumber | null;
  /** The highest view for which it is known to have left: the others give it back what it said. */
  readonly left: View;
  /** What each of the others has said: of its view what it said first. */
  readonly reports: ReadonlyMap<ReplicaId, Report>;
}

/** Nothing is found out yet. */
export const NEW_DISK: LostDisk = { challenge: 0 as Millis, bound: null, left: 0 as View, reports: new Map() };

/** How far the primary is to fill the log, for whom it was to do so when, and since when the present one has known. */
export interface LogFilling {
  through: SequenceNumber;
  readonly askedAt: Map<ReplicaId, Millis>;
  /** Of each replica the most that it wants, where it asked too soon after another time. */
  readonly wanted: Map<ReplicaId, Verified<Signed<Status>>>;
  /** Who asked for it; `null`: nobody. */
  request: Verified<Signed<Status>> | null;
  since: Millis;
}

/** A replica can have the log filled this often, ms: nobody keeps the others busy for nothing. */
const FILLING_INTERVAL_MS = 30_000;
/** A primary has so long for it, ms: it may have been asked by the same replica shortly before. */
const FILLING_PATIENCE_MS = 2 * FILLING_INTERVAL_MS;

/** At the first start without a memory: from now on the others' reports count. */
export function startOver(step: Step): void {
  const { lostDisk } = step.state;
  if (lostDisk?.challenge === 0) note(step, { ...lostDisk, challenge: Math.max(1, step.now) as Millis });
}

/** It turns out at work that the store does not have all that was said. */
export function loseMemory(step: Step): void {
  for (const bySender of step.state.checkpoints.values()) bySender.delete(step.self);
  note(step, { ...NEW_DISK, challenge: Math.max(1, step.now) as Millis });
  step.state.status.dueAt = step.now;
}

/** Learns from a status: as one who has lost its disk, where the others are; as any other, how far one who has lost it needs the log to go. */
export function noteReport(step: Step, signed: Verified<Signed<Status>>): void {
  const { lostDisk, filling, log } = step.state;
  const status = signed.message;
  if (lostDisk && status.echo === lostDisk.challenge) learn(step, lostDisk, status);
  const { replica, votesAbove } = status;
  if (votesAbove <= filling.through || votesAbove > log.high) return;
  const before = filling.wanted.get(replica);
  if (!before || before.message.votesAbove < votesAbove) filling.wanted.set(replica, signed);
  takeWanted(step);
}

/**
 * Takes up what may be filled now. What came too soon is not forgotten: a liar would ask the primary for little, again and again, and the
 * backups for much, and the primary would take what they pass on for one request too many, and be replaced.
 */
function takeWanted({ state: { filling }, now }: Step): void {
  for (const [replica, signed] of [...filling.wanted]) {
    const { votesAbove } = signed.message;
    const mayAsk = now >= (filling.askedAt.get(replica) ?? -Infinity) + FILLING_INTERVAL_MS;
    if (mayAsk || votesAbove <= filling.through) filling.wanted.delete(replica);
    if (!mayAsk || votesAbove <= filling.through) continue;
    filling.askedAt.set(replica, now);
    filling.through = votesAbove;
    filling.request = signed;
    filling.since = now;
  }
}

/** Whether the log is still to be filled. */
function isFilling({ state: { filling, lastExecuted } }: Step): boolean {
  return filling.through > lastExecuted;
}

/** As a backup: the primary is to know it too, also if it was not told. */
export function passOnFilling(step: Step): void {
  takeWanted(step);
  const { request } = step.state.filling;
  if (!request || step.isPrimary || request.message.replica === step.primary) return;
  if (isFilling(step)) step.send(step.primary, request);
}

/** A new primary has its time, and is told. */
export function awaitFilling(step: Step): void {
  step.state.filling.since = step.now;
  passOnFilling(step);
}

/** Whether the primary has had its time and has not filled the log. */
export function isUnfilled(step: Step): boolean {
  return isFilling(step) && step.now >= step.state.filling.since + FILLING_PATIENCE_MS;
}

function learn(step: Step, lostDisk: LostDisk, { replica, stable, executed, view }: Status): void {
  const before = lostDisk.reports.get(replica);
  if (before && lostDisk.bound !== null) return;
  const reports = new Map(lostDisk.reports).set(replica, { stable, executed, view: before?.view ?? view });
  note(step, { ...lostDisk, reports, bound: lostDisk.bound ?? boundOf(step, reports) });
}

/** Somebody gives back what this replica said before it lost its disk. */
export function onOwnViewChange(step: Step, view: View): void {
  const { lostDisk } = step.state;
  if (lostDisk && view > lostDisk.left) note(step, { ...lostDisk, left: view });
}

function note(step: Step, found: LostDisk | null): void {
  step.state.lostDisk = found;
  step.persist({ kind: "lost-disk", found });
}

/**
 * A vote needs a number within the watermarks, and one with a quorum behind it was the low one: so no vote is above H_M = c + L. What counts
 * is the checkpoint that each of the others took last (TOCS §4.3.2): this replica may have known it to be stable when they did not yet.
 */
function boundOf(step: Step, reports: LostDisk["reports"]): SequenceNumber | null {
  const K = step.env.genesis.checkpointInterval;
  const all = [...reports.values()].map(({ stable, executed }) => {
    return { taken: Math.max(stable, executed - executed % K), executed };
  });
  const isCredible = (c: number, index: number) => {
    const others = all.filter((_, other) => other !== index);
    return others.filter(({ taken }) => taken <= c).length >= step.quorum - 1 &&
      others.filter(({ executed }) => executed >= c).length >= step.f;
  };
  const credible = all.map(({ taken }) => taken).filter(isCredible);
  return credible.length === 0 ? null : Math.min(...credible) + step.env.genesis.logWindow as SequenceNumber;
}

/**
 * The highest view for which it can have left.
 *
 * The first correct replica that leaves for W does so when a quorum has left for W - 1, for the view-change timer only runs then. At
 * most f - 1 of the n - 1 others are faulty, so that of m reports at least quorum + m - n - f + 1 are of correct replicas of
 * that quorum, in W - 1 or above: the report in that place from the top is at least W - 1, and the more reports there are the
 * fewer liars can push it up.
 */
function highestLeftFor({ n, f, quorum }: Step, reports: LostDisk["reports"]): View {
  const views = [...reports.values()].map(({ view }) => view).sort((a, b) => b - a);
  return views[quorum + views.length - n - f]! + 1 as View;
}

/** Ends it once a checkpoint at or above the bound is stable, and the state is there. */
export function checkLostDisk(step: Step): void {
  const { state } = step;
  const { lostDisk } = state;
  if (!lostDisk || lostDisk.bound === null || stableSequence(state.stable) < lostDisk.bound || state.transfer) return;
  const left = Math.max(lostDisk.left, highestLeftFor(step, lostDisk.reports));
  note(step, null);
  step.event({ kind: "recovered", sequence: lostDisk.bound });
  // In the view for which it left last it may vote, but not leave for it again with another view-change. So it waits above, and asks the
  // others for a hand-over.
  if (state.view < left) waitIn(step, (left + 1) as View);
  voteAgain(step);
}
