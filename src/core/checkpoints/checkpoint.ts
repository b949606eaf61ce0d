/**
 * Checkpoints (PBFT §4.3): every K numbers each replica signs its state's digest; a quorum of equal ones is stable, moves the
 * watermarks and frees the log.
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber } from "../messages/ids.ts";
import { failureOf, guarded, StateMachineError } from "../ordering/machine_guard.ts";
import type { Checkpoint, Signed, StableCheckpoint, Verified } from "../messages/messages.ts";
import { haveChunks, havePages } from "./loading.ts";
import { startTransfer } from "./state_transfer.ts";
import { isStableCertificate, type StableCertificate, stableSequence } from "../messages/certificates.ts";
import { compare } from "../upkeep/contradictions.ts";
import type { Step } from "../step.ts";
import { retire, stabilize, takeChanges } from "./watermarks.ts";

/** Whether a multiple of K was executed whose state is not sealed yet. */
export function isCheckpointDue({ state, env }: Step): boolean {
  const { lastExecuted, unsealed, tree } = state;
  return lastExecuted % env.genesis.checkpointInterval === 0 && tree.sequence < lastExecuted &&
    unsealed !== lastExecuted;
}

/** Whether others could make the checkpoint that this replica could not: it executes nothing more before it has theirs. */
export function isSurpassed({ state: { unsealed, ahead } }: Step): boolean {
  return unsealed !== null && stableSequence(ahead ?? []) >= unsealed;
}

/** Seals the state after executing a multiple of K and says its digest; false: what it takes is not loaded yet. If the machine fails, none. */
export function takeCheckpoint(step: Step): boolean {
  const { state } = step;
  try {
    if (!haveChangedPages(step)) return false;
  } catch (error) {
    if (!(error instanceof StateMachineError)) throw error;
    state.unsealed = state.lastExecuted;
    step.event(failureOf(error, state.lastExecuted));
    return true;
  }
  state.unsealed = null;
  const { lastExecuted: sequence, history, agreedTime } = state;
  const { root, blobs, retired } = state.tree.seal([], { sequence, history, agreedTime });
  state.sealing = null;
  retire(step, sequence, retired, blobs);
  step.persist({ kind: "blobs", blobs });
  step.persist({ kind: "checkpoint", sequence, root, retired });
  step.event({ kind: "checkpoint-taken", sequence, root });
  state.ownCheckpoints.set(sequence, root);
  const checkpoint = step.env.sign<Checkpoint>({ kind: "checkpoint", replica: step.self, sequence, digest: root });
  if (step.mayVote) {
    step.send("all", checkpoint);
    keep(step, checkpoint);
  }
  checkStable(step, sequence);
  if (state.ahead && stableSequence(state.ahead) === sequence) onStable(step, state.ahead as StableCertificate);
  return true;
}

/** Says the checkpoints that it took when it could not say them. */
export function sayCheckpoints(step: Step): void {
  const { ownCheckpoints, checkpoints, log } = step.state;
  for (const [sequence, digest] of [...ownCheckpoints].sort(([a], [b]) => a - b)) {
    if (sequence <= log.low || checkpoints.get(sequence)?.has(step.self)) continue;
    const checkpoint = step.env.sign<Checkpoint>({ kind: "checkpoint", replica: step.self, sequence, digest });
    step.send("all", checkpoint);
    keep(step, checkpoint);
    checkStable(step, sequence);
  }
}

/** Puts what has changed into the tree, as what that takes is loaded. */
function haveChangedPages(step: Step): boolean {
  const { state, env } = step;
  const { tree } = state;
  if (!state.sealing) {
    const { stateMachine } = env;
    const needs = guarded(
      stateMachine,
      "lazyLoading.needsToSeal",
      () => [...stateMachine.lazyLoading?.needsToSeal() ?? []],
    );
    if (!haveChunks(step, needs)) return false;
    const changes = takeChanges(step);
    state.sealing = { ids: changes.map(([id]) => id), changes };
  }
  if (!havePages(step, tree.needsToPut(state.sealing.ids))) return false;
  for (const [id, chunk] of state.sealing.changes ?? []) tree.put(id, chunk);
  state.sealing.changes = null;
  return havePages(step, tree.needsToSeal());
}

/** A checkpoint message comes. */
export function onCheckpoint(step: Step, checkpoint: Verified<Signed<Checkpoint>>): void {
  const { replica, sequence } = checkpoint.message;
  if (sequence <= step.state.log.low || sequence % step.env.genesis.checkpointInterval !== 0) {
    return step.discard("checkpoint", replica, "outside-watermarks");
  }
  const known = step.state.checkpoints.get(sequence)?.get(replica);
  if (known) return step.discard("checkpoint", replica, compare(step, known, checkpoint) ? "conflicting" : "duplicate");
  keep(step, checkpoint);
  checkStable(step, sequence);
}

/** Somebody passes on the certificate of a stable checkpoint. */
export function onStableCheckpoint(step: Step, { message }: Verified<Signed<StableCheckpoint>>): void {
  const { replica, checkpoints } = message;
  if (checkpoints.length === 0 || !isStableCertificate(checkpoints, step.env.genesis)) {
    return step.discard("stable-checkpoint", replica, "invalid-certificate");
  }
  if (stableSequence(checkpoints) <= step.state.log.low) return step.discard("stable-checkpoint", replica, "duplicate");
  const certificate = checkpoints as StableCertificate; // nested in what the gate has verified
  onStable(step, certificate);
  if (isLeftBehind(step, certificate)) startTransfer(step, certificate);
}

/**
 * Whether the others have left this replica behind: it has not moved since it said where it is, and what it lacks up to that checkpoint
 * its sender has no more.
 */
function isLeftBehind({ state }: Step, certificate: StableCertificate): boolean {
  const { status, lastExecuted, loads } = state;
  return stableSequence(certificate) > lastExecuted && status.executed >= lastExecuted && loads.size === 0;
}

/** Of each sender, all within the window and the highest above it: a bounded number, and enough to meet. */
function keep(step: Step, checkpoint: Verified<Signed<Checkpoint>>): void {
  const { checkpoints, log } = step.state;
  const { replica, sequence } = checkpoint.message;
  if (sequence > log.high) {
    for (const [other, bySender] of checkpoints) {
      if (other <= log.high || !bySender.has(replica)) continue;
      if (other > sequence) return;
      bySender.delete(replica);
      if (bySender.size === 0) checkpoints.delete(other);
    }
  }
  const bySender = checkpoints.get(sequence) ?? new Map<ReplicaId, Verified<Signed<Checkpoint>>>();
  bySender.set(replica, checkpoint);
  checkpoints.set(sequence, bySender);
}

function checkStable(step: Step, sequence: SequenceNumber): void {
  const byDigest = new Map<Digest, Verified<Signed<Checkpoint>>[]>();
  for (const checkpoint of step.state.checkpoints.get(sequence)?.values() ?? []) {
    const { digest } = checkpoint.message;
    byDigest.set(digest, [...byDigest.get(digest) ?? [], checkpoint]);
  }
  for (const same of byDigest.values()) {
    if (same.length < step.quorum) continue;
    onStable(step, same.sort((a, b) => a.message.replica - b.message.replica).slice(0, step.quorum));
  }
}

/** There is a stable certificate: move the watermarks there, or, if this replica is not there yet, find out how to get there. */
export function onStable(step: Step, certificate: StableCertificate): void {
  const { state } = step;
  const sequence = stableSequence(certificate);
  if (sequence <= state.log.low) return;
  if (!state.transfer && state.tree.sequence >= sequence) return stabilize(step, certificate);
  if (stableSequence(state.ahead ?? []) < sequence) state.ahead = certificate;
  // Within the window the missing votes may still be on their way; above it they would be refused.
  const isStuck = isSurpassed(step) && sequence > state.lastExecuted;
  if (state.transfer || sequence > state.log.high || isStuck) startTransfer(step, certificate);
}
