/**
 * Catching up with the log: a replica that others are ahead of asks one of them after another for the decisions that it lacks, each time
 * as soon as the last answer is there. Its status is the question, and a peer's own status ends the answer.
 * @module
 */
import type { Millis, ReplicaId, SequenceNumber } from "../messages/ids.ts";
import { freeSources, giveUp, noteAsked, noteDelivery, noteEmptyAnswer, restsUntil, resumeAsking } from "./sources.ts";
import { answersDueAt } from "./asking.ts";
import type { Step } from "../step.ts";
import { sendStatus } from "../upkeep/own_status.ts";

/** So many are asked at once: one may be a liar. */
const ASKED_AT_ONCE = 2;

/** After a restart: whoever was asked in the life before has still time to answer. */
export function resumeRequests(step: Step): void {
  const { fetches, logRequests, askedUntil: until } = step.state;
  resumeAsking(step, fetches, { what: [], until });
  resumeAsking(step, logRequests, { what: -1 as SequenceNumber, until });
}

/** A peer has said where it is; that ends its answer, if it was asked. */
export function noteStatus(step: Step, peer: ReplicaId): void {
  const { logRequests } = step.state;
  const asked = logRequests.asked.get(peer);
  if (!asked) return;
  if (decidedThrough(step) > asked.what) noteDelivery(step, logRequests, peer);
  else noteEmptyAnswer(step, logRequests, peer, { rests: true });
}

/** At the end of each step: asks for the decisions that others have and this replica has not. */
export function askForLog(step: Step): void {
  const { logRequests } = step.state;
  giveUp(step, logRequests);
  if (logRequests.asked.size >= ASKED_AT_ONCE) return;
  const through = lackingAfter(step);
  if (through === null) return;
  for (const { peer } of freeSources(step, logRequests)) {
    if (logRequests.asked.size >= ASKED_AT_ONCE) return;
    if ((step.state.status.heard.get(peer) ?? 0) <= through) continue;
    noteAsked(step, logRequests, peer, through);
    sendStatus(step, peer);
  }
}

/** When somebody else is to be asked. */
export function logRequestsAt(step: Step): Millis | null {
  const { logRequests } = step.state;
  if (logRequests.asked.size > 0) return answersDueAt(logRequests);
  return lackingAfter(step) === null ? null : restsUntil(step, logRequests);
}

/** The number after which decisions are lacking that somebody has and that there is room for; `null`: none are. */
function lackingAfter(step: Step): SequenceNumber | null {
  const { status: { heard }, lastExecuted, log } = step.state;
  let highest = 0;
  for (const executed of heard.values()) highest = Math.max(highest, executed);
  if (highest <= lastExecuted) return null;
  const through = decidedThrough(step);
  return through < highest && through < log.high ? through : null;
}

/** All numbers up to here are executed or decided, but for those that a state transfer skips. */
function decidedThrough({ state: { log, lastExecuted } }: Step): SequenceNumber {
  let through = Math.max(lastExecuted, log.low);
  while (log.find(through + 1)?.committed) through++;
  return through as SequenceNumber;
}
