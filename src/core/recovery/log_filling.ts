/**
 * Log filling, for a replica that recovers from a lost disk (see lost_disk.ts): the primary fills an idle log with null
 * requests up to the number that the replica waits for.
 * @module
 */
import type { Signed, Status, Verified } from "../messages/messages.ts";
import type { Step } from "../step.ts";

/** How often one replica can have the log filled, ms, so that it can't keep the others busy for nothing. */
const FILLING_INTERVAL_MS = 30_000;
/** How long a primary has to fill the log, ms: the same replica may have asked it shortly before. */
const FILLING_PATIENCE_MS = 2 * FILLING_INTERVAL_MS;

/** A replica that lost its disk says in its status how far it needs the log to be filled. */
export function noteWanted(step: Step, signed: Verified<Signed<Status>>): void {
  const { filling, log } = step.state;
  const { replica, votesAbove } = signed.message;
  if (votesAbove <= filling.through || votesAbove > log.high) return;
  const before = filling.wanted.get(replica);
  if (!before || before.message.votesAbove < votesAbove) filling.wanted.set(replica, signed);
  takeWanted(step);
}

/**
 * Starts the fillings that are allowed by now. A wish that came too soon is kept, not dropped. Otherwise a liar could
 * ask the primary for little again and again, and the backups for much; the primary would take what the backups pass on
 * for one wish too many, ignore it, and be replaced.
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

/** Whether the log is not filled far enough yet. */
function isFilling({ state: { filling, lastExecuted } }: Step): boolean {
  return filling.through > lastExecuted;
}

/** As a backup: passes the wish on to the primary, in case it was not told. */
export function passOnFilling(step: Step): void {
  takeWanted(step);
  const { request } = step.state.filling;
  if (!request || step.isPrimary || request.message.replica === step.primary) return;
  if (isFilling(step)) step.send(step.primary, request);
}

/** A new primary has the whole time to fill the log, and is told. */
export function awaitFilling(step: Step): void {
  step.state.filling.since = step.now;
  passOnFilling(step);
}

/** Whether the primary has not filled the log in time. */
export function isUnfilled(step: Step): boolean {
  return isFilling(step) && step.now >= step.state.filling.since + FILLING_PATIENCE_MS;
}
