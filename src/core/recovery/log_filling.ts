/**
 * Filling the log for a replica that has lost its disk (see lost_disk.ts): the primary fills an idle log with null requests up to the
 * number that such a replica waits for.
 * @module
 */
import type { Signed, Status, Verified } from "../messages/messages.ts";
import type { Step } from "../step.ts";

/** A replica can have the log filled this often, ms: nobody keeps the others busy for nothing. */
const FILLING_INTERVAL_MS = 30_000;
/** A primary has so long for it, ms: it may have been asked by the same replica shortly before. */
const FILLING_PATIENCE_MS = 2 * FILLING_INTERVAL_MS;

/** A replica that has lost its disk says how far it needs the log to go. */
export function noteWanted(step: Step, signed: Verified<Signed<Status>>): void {
  const { filling, log } = step.state;
  const { replica, votesAbove } = signed.message;
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
