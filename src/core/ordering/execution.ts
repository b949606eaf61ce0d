/**
 * Execution in the order of sequence numbers (PBFT §4.2). Each request runs once.
 * @module
 */
import { noteAgreedTime } from "./agreed_time.ts";
import { askForBody } from "./bodies.ts";
import { isSurpassed } from "../checkpoints/checkpoint.ts";
import { beginCheckpoint, isCheckpointDue, keepUp } from "../sealing/sealing.ts";
import { dropFormer } from "./former_bodies.ts";
import { adoptConfigured, type Configured, executeConfigure, isForCluster } from "../epochs/configure.ts";
import type { Millis, SequenceNumber } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import { haveChunks, isReadyFor } from "../checkpoints/loading.ts";
import { bytesFrom, failureOf, isNotLoaded, isOurs } from "./machine_guard.ts";
import type { Slot } from "./message_log.ts";
import type { AnyRequest, Batch, Result, SignedRequest } from "../messages/messages.ts";
import { ownerOf } from "./pending_requests.ts";
import { answer, endWaiting } from "./answers.ts";
import { refusal, UNORDERED } from "../clients/refusals.ts";
import type { ReplicaEvent } from "../events.ts";
import { type ChunkNeed, OperationError } from "../state_machine.ts";
import { roomIn } from "../views/batch_room.ts";
import { fairnessRules } from "../views/view_timeout.ts";
import { utf8 } from "../tree/text.ts";
import type { Step } from "../step.ts";

/** Executes the committed numbers up to the first gap, or until state must be loaded. */
export function executeCommitted(step: Step): void {
  const { state } = step;
  step.hasEndedTransfer = false;
  while (!state.transfer && !isSurpassed(step)) {
    if (isCheckpointDue(step) && !beginCheckpoint(step)) return;
    const slot = state.log.find(state.lastExecuted + 1);
    if (!slot || slot.committed === null) return;
    if (slot.batch?.digest !== slot.committed) return askForBody(step, slot.committed);
    const { batch } = slot;
    if (!isReadyFor(step, () => batch.requests.flatMap(operationsOf).filter((one) => !isForCluster(step.env, one)))) {
      return;
    }
    if (!keepUp(step) || !execute(step, slot, batch)) return;
  }
}

/** Executes a batch. Returns false, with nothing changed, if state must be loaded first. */
function execute(step: Step, slot: Slot, batch: Batch): boolean {
  const { state, env } = step;
  invariant(
    slot.sequence === state.lastExecuted + 1,
    "execution-order",
    `${slot.sequence} is executed after ${state.lastExecuted}`,
  );
  const before = state.agreedTime;
  if (batch.requests.length > 0) {
    state.agreedTime = Math.max(before, batch.timestamp) as Millis;
  }
  const results = attempt(step, { sequence: slot.sequence, before }, batch);
  if (results === null) {
    state.agreedTime = before;
    return false;
  }
  if (batch.requests.length > 0) noteAgreedTime(step);
  if (!step.isPrimary) {
    state.pending.noteBatch(roomIn(batch, env.genesis.limits), state.suspicion.awakeMs, fairnessRules(step));
  }
  batch.requests.forEach((request, i) => conclude(step, slot.sequence, request, results[i]!));
  state.history = env.hash(env.pack([state.history, batch.digest]));
  state.lastExecuted = slot.sequence;
  state.bodies.delete(batch.digest);
  if (slot.waiting?.prePrepare.message.digest !== batch.digest) state.early.delete(slot.sequence);
  if (state.lastProposed < state.lastExecuted) state.lastProposed = state.lastExecuted;
  const known = slot.prePrepare?.message.digest === batch.digest;
  step.persist({
    kind: "committed",
    sequence: slot.sequence,
    digest: batch.digest,
    commits: slot.decision,
    batch: known ? null : batch,
  });
  dropFormer(step, slot);
  step.hasExecuted = true;
  step.stage("executed", state.view, slot.sequence, batch);
  return true;
}

/**
 * Runs the requests of a batch. Returns the results of each; or `null`, and then nothing has changed, if a part of the
 * state must be loaded first. To load as much as possible at once, the operations after the first that lacks something
 * are tried too.
 */
function attempt(step: Step, place: Omit<Place, "notes">, { requests }: Batch): (readonly Result[])[] | null {
  const { clients } = step.state;
  const { lazyLoading } = step.env.stateMachine;
  const canUndo = lazyLoading?.undo !== undefined && lazyLoading.mark?.() === true;
  const notes: Notes = { failures: [], needs: [], configured: null };
  if (canUndo) clients.mark();
  const results = requests.map((request) => resultsOf(step, { ...place, notes }, request.message, request));
  if (notes.needs.length > 0) {
    invariant(canUndo, "loading", "a machine that lacks a part of its state can undo");
    lazyLoading.undo!();
    clients.undo();
    invariant(!haveChunks(step, notes.needs), "loading", "what the machine lacks is not loaded");
    return null;
  }
  if (canUndo) clients.settle();
  for (const failure of notes.failures) step.event(failure);
  adoptConfigured(step, notes);
  return results;
}

function operationsOf({ message }: SignedRequest): readonly Uint8Array[] {
  return message.kind === "request" ? message.operations : message.operations.map(({ operation }) => operation);
}

/** What the batch did besides giving results: failures to report, chunks that the machine lacks, a configuration. */
export interface Notes extends Configured {
  readonly failures: ReplicaEvent[];
  readonly needs: ChunkNeed[];
}

/** The number being executed, the agreed time of the batch before, and the notes of this execution. */
type Place = Pick<Slot, "sequence"> & { readonly before: Millis; readonly notes: Notes };

/** Answers an executed request. */
function conclude(step: Step, sequence: SequenceNumber, request: SignedRequest, results: readonly Result[]): void {
  const { state } = step;
  if (sequence > state.answeredThrough || state.pending.has(request)) answer(step, request, results);
  const isRefused = results.some(({ status }) => status === "refused");
  if (isRefused) state.refused.note(request.digest, results, state.clock.elapsedMs);
  state.pending.fairness.noteServed(ownerOf(request.message), state.suspicion.awakeMs, fairnessRules(step));
  endWaiting(step, request, results);
}

function resultsOf(step: Step, place: Place, message: AnyRequest, { digest }: SignedRequest): readonly Result[] {
  const { clients, agreedTime } = step.state;
  const { sequence, before } = place;
  const at = { sequence, timestamp: agreedTime, before };
  const { nameIdleMs, maxSessionReplyBytes } = step.env.genesis.limits;
  const bounded = boundedBy(maxSessionReplyBytes, sequence);
  if (message.kind === "request") {
    return clients.execute(message, digest, at, () => {
      return message.operations.map((operation) => bounded(() => run(step, place, operation, message.client)));
    });
  }
  // The agreed time before this batch decides, because the gateway can know that one. A name is remembered longer than
  // every request executed for it is valid (see ClientNames), so a replayed gateway request never runs twice.
  const { notAfter } = message;
  const refused = notAfter < before
    ? refusal("expired", UNORDERED)
    : notAfter > (before || agreedTime) + nameIdleMs
    ? refusal("too-early", sequence)
    : null;
  return message.operations.map((vouched) => {
    const { operation, name } = vouched;
    if (refused) return clients.lookupNamed(vouched, null) ?? refused;
    return bounded(() => clients.executeNamed(vouched, at, () => run(step, place, operation, `name:${name}`)));
  });
}

/**
 * Bounds the result bytes of one request, because one reply carries them all. Operations for which no room is left do
 * not run.
 */
function boundedBy(maxBytes: number, sequence: SequenceNumber): (next: () => Result) => Result {
  let bytes = 0;
  return (next) => {
    if (bytes >= maxBytes) return refusal("reply-storage-full", sequence);
    const result = next();
    bytes += result.value.length;
    return result;
  };
}

/** Runs one operation on the state machine. */
function run(step: Step, { sequence, notes }: Place, operation: Uint8Array, client: string): Result {
  const { state: { agreedTime, unsealed }, env } = step;
  if (unsealed !== null) {
    return rejected(sequence, "the state machine can't give its state, so it is given no operations");
  }
  const configured = executeConfigure(step, { sequence, notes }, operation);
  if (configured) return configured;
  const context = { sequence, timestamp: agreedTime, client };
  return callMachine(step, { sequence, notes }, "execute", () => env.stateMachine.execute(operation, context));
}

/**
 * The state machine's answer as a result. Whatever the machine throws or returns, the result is the same on every
 * replica.
 */
export function callMachine(
  step: Step,
  { sequence, notes }: { readonly sequence: SequenceNumber; readonly notes: Notes },
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
    if (isNotLoaded(step.env.stateMachine, error)) notes.needs.push(...error.needs);
    else if (error instanceof OperationError && typeof error.message === "string") {
      return rejected(sequence, error.message.slice(0, 1024));
    } else notes.failures.push(failureOf(error, sequence));
    return rejected(sequence, "the state machine failed");
  }
}

function rejected(sequence: SequenceNumber, reason: string): Result {
  return { sequence, status: "rejected", value: utf8(reason) };
}
