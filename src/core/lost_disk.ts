/**
 * A replica that has lost its disk, or was given an old copy of it (TOCS §4.3.2). It may have voted in numbers that it no longer knows
 * of, so it signs no vote, view-change or new-view until a checkpoint is stable above all numbers in which it can have voted. Meanwhile
 * it follows: it executes what the others decide, and fetches the state. It counts among the f.
 *
 * Deviation: the paper orders a recovery request, so that a faulty primary can't ignore it. Here the bound travels in status
 * messages and the primary fills an idle log up to it with null requests; one that does not keeps an idle cluster from recovering this
 * replica, until there is work to order.
 *
 * @module
 */
import { stableSequence } from "./checkpoint.ts";
import type { Millis, ReplicaId, SequenceNumber } from "./ids.ts";
import type { Status } from "./messages.ts";
import { acceptWaiting } from "./normal_case.ts";
import type { Step } from "./state.ts";

/** What a replica without a memory finds out. */
export interface LostDisk {
  /** H_M: it can have voted in no number above; `null` until enough of the others have said where they are. */
  bound: SequenceNumber | null;
  /** What each of the others has said of itself since the start. */
  readonly reports: Map<ReplicaId, Pick<Status, "stable" | "executed">>;
}

/** How far the primary fills the log, and for whom it did so when. */
export interface LogFilling {
  through: SequenceNumber;
  readonly askedAt: Map<ReplicaId, Millis>;
}

/** A replica can have the log filled this often, ms: nobody keeps the others busy for nothing. */
const FILLING_INTERVAL_MS = 30_000;

/** Learns from a status: as one who has lost its disk, where the others are; as any other, how far one who has lost it needs the log to go. */
export function noteReport(step: Step, { replica, stable, executed, votesAbove }: Status): void {
  const { lostDisk, filling, log } = step.state;
  if (lostDisk && lostDisk.bound === null) {
    lostDisk.reports.set(replica, { stable, executed });
    lostDisk.bound = boundOf(step, lostDisk);
    if (lostDisk.bound !== null) step.persist({ kind: "lost-disk", bound: lostDisk.bound });
  }
  if (votesAbove <= filling.through || votesAbove > log.high) return;
  const askedAt = filling.askedAt.get(replica);
  if (askedAt !== undefined && step.now < askedAt + FILLING_INTERVAL_MS) return;
  filling.askedAt.set(replica, step.now);
  filling.through = votesAbove;
}

/** A vote needs a number within the watermarks, and one with a quorum behind it was the low one: so no vote is above H_M = c + L. */
function boundOf(step: Step, { reports }: LostDisk): SequenceNumber | null {
  const all = [...reports.values()];
  const isCredible = (c: number, index: number) => {
    const others = all.filter((_, other) => other !== index);
    return others.filter(({ stable }) => stable <= c).length >= step.quorum - 1 &&
      others.filter(({ executed }) => executed >= c).length >= step.f;
  };
  const credible = all.map(({ stable }) => stable).filter(isCredible);
  return credible.length === 0 ? null : Math.min(...credible) + step.env.genesis.logWindow as SequenceNumber;
}

/** Ends it once a checkpoint at or above the bound is stable, and the state is there. */
export function checkLostDisk(step: Step): void {
  const { state } = step;
  const bound = state.lostDisk?.bound ?? null;
  if (bound === null || stableSequence(state.stable) < bound || state.transfer) return;
  state.lostDisk = null;
  step.persist({ kind: "lost-disk", bound: null });
  step.event({ kind: "recovered", sequence: bound });
  for (const slot of state.log.slots()) acceptWaiting(step, slot);
}
