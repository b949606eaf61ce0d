/**
 * Reads without ordering (PBFT §5.1.3), linearizable all the same.
 *
 * A query is answered from a state that has executed everything that had prepared here when the query came. Whatever a client was told
 * before that, f + 1 replicas had signed, so that a quorum had committed it, q - f correct replicas among them; each of these had it
 * prepared. The client waits for q equal answers, q - f of them from correct replicas. There are at most n - f of those, and
 * 2 (q - f) > n - f, so that at least one of the q has executed what the client was told, or rather all that anybody was told: no
 * quorum can agree on a state that is older.
 *
 * A query may have many operations. Its number above is taken once, when it comes, so each of its operations is answered from a state that
 * has executed what had prepared then: the argument holds for each by itself, and the client counts equal answers for each by itself. No
 * two of its operations need to see the same state, because the calls that the client joined in one query were concurrent.
 *
 * Once a replica has executed the last number of its epoch, it answers no query: the next epoch may have gone on, with other members. That
 * one began with a quorum's checkpoint messages for this number, so that at least one of any q here has executed it.
 *
 * Deviation: the paper executes requests tentatively, and then a client must wait for a quorum of replies to writes too, which lets a
 * lying primary stop them (Berger et al., 2021). Here nothing is executed before it is committed, ordered requests still need f + 1
 * replies, and it is the queries that wait.
 *
 * @module
 */
import { isOver } from "../epochs/configure.ts";
import { callMachine, type Notes } from "../ordering/execution.ts";
import { type Millis, sequenceNumber } from "../messages/ids.ts";
import { missingChunks, missingFor } from "../checkpoints/loading.ts";
import { isNextVersions } from "../epochs/migration.ts";
import type { Result, Verified } from "../messages/messages.ts";
import type { QueryRefusal, SignedQuery } from "../messages/queries.ts";
import type { WaitingQuery } from "../state.ts";
import type { Step } from "../step.ts";

const MAX_WAITING = 1024;
const MAX_WAIT_MS = 2_000;
/** Once a step has answered this many operations, it answers no further query, so that ordering goes on in between. */
const ANSWERS_PER_STEP = 64;
/**
 * The most bytes of results in one answer, unless the first result alone is longer. The client asks for the rest again. Otherwise a small
 * query could make a replica hold megabytes.
 */
const MAX_ANSWER_BYTES = 256 * 1024;

/** A query arrives. It is answered at the end of this step or of a later one. */
export function onQuery(step: Step, query: Verified<SignedQuery>): void {
  const { state } = step;
  const refusal = refusalOf(step) ?? (state.queries.length >= MAX_WAITING ? "overloaded" : null);
  if (refusal) return step.answer({ query: query.digest, outcome: refusal });
  const through = sequenceNumber(Math.max(state.lastExecuted, state.log.highestPrepared()));
  state.queries.push({ query, through, until: (step.now + MAX_WAIT_MS) as Millis, isLoading: false, awaits: [] });
}

/** Answers the queries that are due, up to {@linkcode ANSWERS_PER_STEP} operations and those of the last query beyond it. */
export function answerQueries(step: Step): void {
  const { state } = step;
  if (state.queries.length === 0) return;
  const refusal = refusalOf(step);
  let room = ANSWERS_PER_STEP;
  for (const waiting of state.queries.splice(0)) {
    const { query, until } = waiting;
    const isNow = isDue(step, waiting) && room > 0;
    waiting.isLoading = isNow && !refusal && lacksChunks(step, waiting);
    if (refusal) step.answer({ query: query.digest, outcome: refusal });
    else if (isNow && !waiting.isLoading && answer(step, waiting)) room -= query.message.operations.length;
    else {
      if (isNow) waiting.isLoading = true;
      if (step.now < until || (!waiting.isLoading && isDue(step, waiting))) state.queries.push(waiting);
      else step.answer({ query: query.digest, outcome: "too-late" });
    }
  }
}

/**
 * Whether chunks that the query needs are not loaded. The machine is asked only when all blobs have arrived that were missing the last time:
 * each step comes here, and a thousand queries may wait.
 */
function lacksChunks(step: Step, waiting: WaitingQuery): boolean {
  const { loads, sealing } = step.state;
  if (sealing?.blocks) return true;
  const { awaits } = waiting;
  while (awaits.length > 0 && !loads.has(awaits.at(-1)!)) awaits.pop();
  if (awaits.length === 0) awaits.push(...missingFor(step, () => waiting.query.message.operations));
  return awaits.length > 0;
}

/** When the next query can be answered: at once, if more were due than one step answers; otherwise `null`. */
export function queriesAt(step: Step): Millis | null {
  return step.state.queries.some((waiting) => !waiting.isLoading && isDue(step, waiting)) ? step.now : null;
}

function isDue({ state }: Step, { through }: WaitingQuery): boolean {
  return state.lastExecuted >= through && !isOver(state);
}

/** Answers a query. Returns false if a part of the state must be loaded first. */
function answer(step: Step, { query: { message, digest }, awaits }: WaitingQuery): boolean {
  const { state: { lastExecuted: sequence, agreedTime: timestamp, view }, env } = step;
  const context = { sequence, timestamp, client: message.client };
  const notes: Notes = { failures: [], needs: [], configured: null };
  const results: Result[] = [];
  let bytes = 0;
  for (const operation of message.operations) {
    const ask = () => env.stateMachine.query(operation, context);
    const result = callMachine(step, { sequence, notes }, "query", ask);
    bytes += result.value.length;
    if (bytes > MAX_ANSWER_BYTES && results.length > 0) break;
    results.push(result);
  }
  if (notes.needs.length > 0) {
    awaits.push(...missingChunks(step, notes.needs));
    return false;
  }
  for (const failure of notes.failures) step.event(failure);
  step.answer({ query: digest, outcome: { kind: "query-reply", replica: step.self, view, query: digest, results } });
  return true;
}

function refusalOf(step: Step): QueryRefusal | null {
  if (!step.mayVote) return "recovering";
  if (step.state.transfer || isNextVersions(step)) return "state-transfer";
  return step.isActive ? null : "view-change";
}
