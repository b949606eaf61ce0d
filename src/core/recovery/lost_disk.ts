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
import type { Millis, SequenceNumber, View } from "../messages/ids.ts";
import type { Signed, Status, Verified } from "../messages/messages.ts";
import { waitIn } from "../views/view_change.ts";
import { voteAgain } from "./vote_again.ts";
import { type LostDisk, NEW_DISK } from "../records.ts";
import { stableSequence } from "../messages/certificates.ts";
import type { Step } from "../step.ts";
import { noteWanted } from "./log_filling.ts";

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
  const { lostDisk } = step.state;
  const status = signed.message;
  if (lostDisk && status.echo === lostDisk.challenge) learn(step, lostDisk, status);
  noteWanted(step, signed);
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
