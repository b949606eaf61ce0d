/**
 * Recovery after a lost disk (TOCS §4.3.2): the replica's store is empty, damaged or an old copy. The replica may have
 * voted in numbers that it does not remember. So it signs no vote, view-change or new-view until a checkpoint is stable
 * above all numbers in which it can have voted. Meanwhile it follows: it executes what the others decide, and fetches
 * the state. It counts among the f.
 *
 * It may also have left for a view in which the others are not yet, and must vote in no lower one. So recovery ends
 * with waiting in a view above all for which it can have left. It votes again from the next view change on, for which
 * it asks.
 *
 * Deviation: the paper orders a recovery request, so that a faulty primary can't ignore it, and changes keys, so that
 * earlier signatures become void. Here the bound travels in status messages, and the primary fills an idle log with
 * null requests up to it. The backups pass the status on to the primary, and replace one that does not fill the log.
 * Earlier signatures stay valid.
 *
 * @module
 */
import type { Millis, SequenceNumber, View } from "../messages/ids.ts";
import type { Signed, Status, Verified } from "../messages/messages.ts";
import { waitIn } from "../views/view_change.ts";
import { resumeVoting } from "./resume_voting.ts";
import { type LostDisk, NEW_RECOVERY } from "../records.ts";
import { stableSequence } from "../messages/certificates.ts";
import type { Step } from "../step.ts";
import { noteWanted } from "./log_filling.ts";

/** At the first start after the disk was lost: from now on the others' reports count. */
export function startRecovery(step: Step): void {
  const { lostDisk } = step.state;
  if (lostDisk?.challenge === 0) note(step, { ...lostDisk, challenge: Math.max(1, step.now) as Millis });
}

/**
 * At a later start: only answers to the new challenge count from now on. Reports from before it may be as old as the store. If they
 * gave a bound, that stays. Returns true if there is no recovery, or its bound is known.
 */
export function renewRecovery(step: Step, challenge: Millis): boolean {
  const { lostDisk } = step.state;
  if (!lostDisk) return true;
  const reports = lostDisk.bound === null ? NEW_RECOVERY.reports : lostDisk.reports;
  note(step, { ...lostDisk, challenge, reports });
  return lostDisk.bound !== null;
}

/** It turns out in operation that the store lacks messages that this replica has sent: starts the recovery. */
export function declareLostDisk(step: Step): void {
  for (const bySender of step.state.checkpoints.values()) bySender.delete(step.self);
  note(step, { ...NEW_RECOVERY, challenge: Math.max(1, step.now) as Millis });
  step.state.status.dueAt = step.now;
}

/**
 * Learns from a status. A replica that lost its disk learns where the others are. The others learn how far it needs the
 * log to be filled.
 */
export function noteReport(step: Step, signed: Verified<Signed<Status>>): void {
  const { lostDisk } = step.state;
  const status = signed.message;
  if (lostDisk && status.echo === lostDisk.challenge) addReport(step, lostDisk, status);
  noteWanted(step, signed);
}

function addReport(step: Step, lostDisk: LostDisk, { replica, stable, executed, view }: Status): void {
  const before = lostDisk.reports.get(replica);
  if (before && lostDisk.bound !== null) return;
  const reports = new Map(lostDisk.reports).set(replica, { stable, executed, view: before?.view ?? view });
  note(step, { ...lostDisk, reports, bound: lostDisk.bound ?? boundOf(step, reports) });
}

/** A peer returns a view-change that this replica sent before it lost its disk. */
export function onOwnViewChange(step: Step, view: View): void {
  const { lostDisk } = step.state;
  if (lostDisk && view > lostDisk.left) note(step, { ...lostDisk, left: view });
}

function note(step: Step, found: LostDisk | null): void {
  step.state.lostDisk = found;
  step.persist({ kind: "lost-disk", found });
}

/**
 * The bound H_M = c + L, where c is a stable checkpoint. Each vote is within the watermarks, and a quorum stood behind
 * the low one, so no vote lies above H_M. c follows from the last checkpoint that each of the others took (TOCS
 * §4.3.2), because this replica may have known it to be stable before they did.
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
 * The highest view for which this replica can have left.
 *
 * The first correct replica that leaves for view W does so when a quorum has left for W - 1, because only then does the
 * view-change timer run. At most f - 1 of the n - 1 others are faulty. So of m reports at least quorum + m - n - f + 1
 * are of correct replicas of that quorum, in W - 1 or above, and the report at that place from the top is at least W -
 * 1. The more reports there are, the fewer liars can push it up.
 */
function highestLeftFor({ n, f, quorum }: Step, reports: LostDisk["reports"]): View {
  const views = [...reports.values()].map(({ view }) => view).sort((a, b) => b - a);
  return views[quorum + views.length - n - f]! + 1 as View;
}

/** Ends the recovery once a checkpoint at or above the bound is stable, its state is there, and nobody is asked any more. */
export function checkRecovery(step: Step): void {
  const { state } = step;
  const { lostDisk, asking } = state;
  if (!lostDisk || lostDisk.bound === null || asking || state.transfer) return;
  if (stableSequence(state.stable) < lostDisk.bound) return;
  const left = Math.max(lostDisk.left, highestLeftFor(step, lostDisk.reports));
  note(step, null);
  step.event({ kind: "recovered", sequence: lostDisk.bound });
  // In the view for which it left last it may vote, but it must not send another view-change for it. So it waits in the
  // view above and asks the others for a hand-over.
  if (state.view < left) waitIn(step, (left + 1) as View);
  resumeVoting(step);
}
