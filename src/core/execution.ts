/**
 * Execution in the order of sequence numbers (PBFT §4.2), each request once.
 * @module
 */
import { askForBody } from "./bodies.ts";
import { isCheckpointDue, isSurpassed, takeCheckpoint } from "./checkpoint.ts";
import type { Millis, SequenceNumber } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { isReadyFor } from "./loading.ts";
import { bytesFrom, failureOf, isOurs } from "./machine_guard.ts";
import type { Slot } from "./message_log.ts";
import type { AnyRequest, Batch, Result, SignedRequest } from "./messages.ts";
import { isHalfFull } from "./pending_requests.ts";
import { answer, endWaiting } from "./answers.ts";
import { NEVER, refusal } from "./refusals.ts";
import { OperationError } from "./state_machine.ts";
import type { Step } from "./state.ts";
import { utf8 } from "./text.ts";

/** Executes what is committed, as far as there is no gap and what it touches is loaded. */
export function executeCommitted(step: Step): void {
  const { state } = step;
  while (!state.transfer && !isSurpassed(step)) {
    if (isCheckpointDue(step) && !takeCheckpoint(step)) return;
    const slot = state.log.find(state.lastExecuted + 1);
    if (!slot || slot.committed === null) return;
    if (slot.batch?.digest !== slot.committed) return askForBody(step, slot.committed);
    const { batch } = slot;
    if (!isReadyFor(step, () => batch.requests.flatMap(operationsOf))) return;
    execute(step, slot, batch);
  }
}

function execute(step: Step, slot: Slot, batch: Batch): void {
  const { state, env } = step;
  invariant(slot.sequence === state.lastExecuted + 1, `${slot.sequence} is executed after ${state.lastExecuted}`);
  if (batch.requests.length > 0) state.agreedTime = Math.max(state.agreedTime, batch.timestamp) as Millis;
  for (const request of batch.requests) executeRequest(step, slot, request);
  if (isHalfFull(env.genesis.limits, batch.requests.length, batch.bytes.length)) state.pending.noteFullBatch();
  state.history = env.hash(env.pack([state.history, batch.digest]));
  state.lastExecuted = slot.sequence;
  state.bodies.delete(batch.digest);
  if (state.lastProposed < state.lastExecuted) state.lastProposed = state.lastExecuted;
  const known = slot.prePrepare?.message.digest === batch.digest;
  step.persist({
    kind: "committed",
    sequence: slot.sequence,
    digest: batch.digest,
    commits: slot.decision,
    batch: known ? null : batch,
  });
  step.stage("executed", state.view, slot.sequence, batch);
}

function operationsOf({ message }: SignedRequest): readonly Uint8Array[] {
  return message.kind === "request" ? message.operations : message.operations.map(({ operation }) => operation);
}

function executeRequest(step: Step, slot: Slot, request: SignedRequest): void {
  const { state } = step;
  const results = resultsOf(step, slot, request.message, request);
  if (slot.sequence > state.answeredThrough || state.pending.has(request)) answer(step, request, results);
  const isRefused = results.some(({ status }) => status === "refused");
  if (isRefused) state.refused.note(request.digest, results, step.now);
  state.pending.noteExecuted();
  endWaiting(step, request, results);
}

function resultsOf(step: Step, slot: Slot, message: AnyRequest, { digest }: SignedRequest): readonly Result[] {
  const { clients, agreedTime } = step.state;
  const at = { sequence: slot.sequence, timestamp: agreedTime };
  const { nameIdleMs, maxSessionReplyBytes } = step.env.genesis.limits;
  const bounded = boundedBy(maxSessionReplyBytes, slot.sequence);
  if (message.kind === "request") {
    return clients.execute(message, digest, at, () => {
      return message.operations.map((operation) => bounded(() => run(step, slot, operation, message.client)));
    });
  }
  // A name outlives every request that mentions it, so that a vouched request that is replayed never runs twice.
  const isExpired = message.notAfter < agreedTime || message.notAfter > agreedTime + nameIdleMs;
  return message.operations.map((vouched) => {
    const { operation, name } = vouched;
    if (isExpired) return clients.lookupVouched(vouched) ?? refusal("expired", NEVER);
    return bounded(() => clients.executeVouched(vouched, at, () => run(step, slot, operation, `name:${name}`)));
  });
}

/** One reply carries the results of all of a request's operations: those for which it has no room left do not run. */
function boundedBy(maxBytes: number, sequence: SequenceNumber): (next: () => Result) => Result {
  let bytes = 0;
  return (next) => {
    if (bytes >= maxBytes) return refusal("reply-storage-full", sequence);
    const result = next();
    bytes += result.value.length;
    return result;
  };
}

/** Gives one operation to the state machine. */
function run(step: Step, { sequence }: Slot, operation: Uint8Array, client: string): Result {
  const { state: { agreedTime, unsealed }, env } = step;
  if (unsealed !== null) {
    return rejected(sequence, "the state machine can't give its state, so it is given no operations");
  }
  const context = { sequence, timestamp: agreedTime, client };
  return attempt(step, sequence, "execute", () => env.stateMachine.execute(operation, context));
}

/** What the state machine says. Whatever it throws or returns becomes the same result everywhere. */
export function attempt(
  step: Step,
  sequence: SequenceNumber,
  method: "execute" | "query",
  ask: () => unknown,
): Result {
  try {
    const value = bytesFrom(method, ask());
    const { maxResultBytes } = step.env.genesis.limits;
    if (value.length > maxResultBytes) {
      return rejected(sequence, `the result has ${value.length} bytes, the limit is ${maxResultBytes}`);
    }
    return { sequence, status: "ok", value };
  } catch (error) {
    if (isOurs(step.env.stateMachine, error)) throw error;
    if (error instanceof OperationError && typeof error.message === "string") {
      return rejected(sequence, error.message.slice(0, 1024));
    }
    step.event(failureOf(error, sequence));
    return rejected(sequence, "the state machine failed");
  }
}

function rejected(sequence: SequenceNumber, reason: string): Result {
  return { sequence, status: "rejected", value: utf8(reason) };
}
