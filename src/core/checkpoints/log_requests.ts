/**
 * Catching up with the log: a replica that lags asks its peers for the decisions that it lacks, a few at a time,
 * and asks again as soon as an answer is complete. Its status is the request; the peer's own status ends the answer.
 * @module
 */
import { type Millis, type ReplicaId, type SequenceNumber, sequenceNumber } from "../messages/ids.ts";
import {
  availablePeers,
  endOverdue,
  noteDelivery,
  noteEmptyAnswer,
  noteRequest,
  restsUntil,
  resumePeerRequests,
} from "./peer_selection.ts";
import { answersDueAt } from "./peer_requests.ts";
import type { Step } from "../step.ts";
import { sendStatus } from "../upkeep/own_status.ts";

/**
 * How many peers are asked at once: two, as one may be dead, and more than there are liars. A liar that gives one decision at a time, and
 * is always the last that was heard, has delivered, and comes first again. If all that are asked were such, it would take a round or a
 * status interval for each decision.
 */
function askedAtOnce({ f }: Step): number {
  return Math.max(2, f + 1);
}

/** After a restart: peers that an earlier run or another instance has asked have time to answer until `until`. */
export function resumeRequests(step: Step, until: Millis): void {
  const { fetches, logRequests } = step.state;
  resumePeerRequests(step, fetches, { what: [], until });
  resumePeerRequests(step, logRequests, { what: -1 as SequenceNumber, until });
}

/** A peer's status arrives. If the peer was asked, this ends its answer. */
export function noteStatus(step: Step, peer: ReplicaId): void {
  const { logRequests } = step.state;
  const asked = logRequests.asked.get(peer);
  if (!asked) return;
  if (decidedThrough(step) > asked.what) noteDelivery(step, logRequests, peer);
  else noteEmptyAnswer(step, logRequests, peer, { rests: true });
}

/** At the end of each step: asks for decisions that others have and this replica lacks. */
export function askForLog(step: Step): void {
  const { logRequests } = step.state;
  endOverdue(step, logRequests);
  const most = askedAtOnce(step);
  if (logRequests.asked.size >= most) return;
  const through = lackingAfter(step);
  if (through === null) return;
  for (const { peer } of availablePeers(step, logRequests)) {
    if (logRequests.asked.size >= most) return;
    if ((step.state.status.heard.get(peer) ?? 0) <= through) continue;
    noteRequest(step, logRequests, peer, through);
    sendStatus(step, peer);
  }
}

/** When another peer is to be asked. */
export function logRequestsAt(step: Step): Millis | null {
  const { logRequests } = step.state;
  if (logRequests.asked.size > 0) return answersDueAt(logRequests);
  return lackingAfter(step) === null ? null : restsUntil(step, logRequests);
}

/**
 * The last number before the first decision that this replica lacks, that a peer has, and that fits into the window;
 * `null` if there is none.
 */
function lackingAfter(step: Step): SequenceNumber | null {
  const { status: { heard }, lastExecuted, log } = step.state;
  let highest = 0;
  for (const executed of heard.values()) highest = Math.max(highest, executed);
  if (highest <= lastExecuted) return null;
  const through = decidedThrough(step);
  return through < highest && through < log.high ? through : null;
}

/** The number up to which all are executed or decided, not counting those that a state transfer skips. */
function decidedThrough({ state: { log, lastExecuted } }: Step): SequenceNumber {
  let through = Math.max(lastExecuted, log.low);
  while (log.find(through + 1)?.committed) through++;
  return sequenceNumber(through);
}
