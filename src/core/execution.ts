/**
 * Execution in the order of sequence numbers (PBFT §4.2), each request once.
 * @module
 */
import { askForBody } from "./bodies.ts";
import { isCheckpointDue, takeCheckpoint } from "./checkpoint.ts";
import type { Millis, SequenceNumber } from "./ids.ts";
import { invariant, InvariantError } from "./invariant.ts";
import { isReadyFor } from "./loading.ts";
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
  while (!state.transfer) {
    if (isCheckpointDue(step) && !takeCheckpoint(step)) return;
    const slot = state.log.find(state.lastExecuted + 1);
    if (!slot || slot.committed === null) return;
    if (slot.batch?.digest !== slot.committed) return askForBody(step, slot, slot.committed);
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
  const context = { sequence, timestamp: step.state.agreedTime, client };
  return attempt(step, sequence, () => step.env.stateMachine.execute(operation, context));
}

/** What the state machine says. Whatever it throws becomes the same rejection everywhere. */
export function attempt(step: Step, sequence: SequenceNumber, ask: () => Uint8Array): Result {
  const rejected = (reason: string): Result => ({ sequence, status: "rejected", value: utf8(reason) });
  try {
    const value = ask();
    const { maxResultBytes } = step.env.genesis.limits;
    if (value.length > maxResultBytes) {
      return rejected(`the result has ${value.length} bytes, the limit is ${maxResultBytes}`);
    }
    return { sequence, status: "ok", value };
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    if (error instanceof OperationError) return rejected(error.message.slice(0, 1024));
    step.event({ kind: "operation-failed", sequence, error: String(error) });
    return rejected("the state machine failed");
  }
}
