/**
 * Checkpoints (PBFT §4.3). Every K sequence numbers each replica signs the digest of its state. A quorum of equal
 * checkpoint messages makes a stable checkpoint, which moves the watermarks and frees the log.
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber } from "../messages/ids.ts";
import { failureOf, guarded, StateMachineError } from "../ordering/machine_guard.ts";
import type { Checkpoint, Signed, StableCheckpoint, Verified } from "../messages/messages.ts";
import { haveChunks, havePages } from "./loading.ts";
import { haveMigrated, lacksVersion } from "../epochs/migration.ts";
import { forgetDamaged } from "../recovery/repair.ts";
import { startTransfer } from "./state_transfer.ts";
import { isStableCertificate, type StableCertificate, stableSequence } from "../messages/certificates.ts";
import { compare } from "../upkeep/contradictions.ts";
import type { Step } from "../step.ts";
import { retire, stabilize, takeChanges } from "./watermarks.ts";

/** Whether a multiple of K was executed and its checkpoint is not taken yet. */
export function isCheckpointDue({ state, env }: Step): boolean {
  const { lastExecuted, unsealed, tree } = state;
  return lastExecuted % env.genesis.checkpointInterval === 0 && tree.sequence < lastExecuted &&
    unsealed !== lastExecuted;
}

/**
 * Whether the others have a checkpoint that this replica's state machine failed to give. Then this replica executes
 * nothing more until it has fetched their state.
 */
export function isSurpassed({ state: { unsealed, ahead } }: Step): boolean {
  return unsealed !== null && stableSequence(ahead ?? []) >= unsealed;
}

/**
 * Takes the checkpoint after a multiple of K was executed, and sends its digest. Returns false if a page or chunk must
 * be loaded first. If the state machine fails, no checkpoint is taken.
 */
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
  forgetDamaged(step, retired);
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

/** Sends the checkpoint messages of checkpoints that were taken while this replica could not vote. */
export function sendOwnCheckpoints(step: Step): void {
  const { ownCheckpoints, checkpoints, log } = step.state;
  for (const [sequence, digest] of [...ownCheckpoints].sort(([a], [b]) => a - b)) {
    if (sequence <= log.low || checkpoints.get(sequence)?.has(step.self)) continue;
    const checkpoint = step.env.sign<Checkpoint>({ kind: "checkpoint", replica: step.self, sequence, digest });
    step.send("all", checkpoint);
    keep(step, checkpoint);
    checkStable(step, sequence);
  }
}

/** Puts the changed chunks into the tree. Returns false if a page or chunk must be loaded first. */
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
  return haveMigrated(step) && havePages(step, tree.needsToSeal());
}

/** A checkpoint message arrives. */
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

/** The certificate of a stable checkpoint arrives, passed on by a replica. */
export function onStableCheckpoint(step: Step, { message }: Verified<Signed<StableCheckpoint>>): void {
  const { replica, checkpoints } = message;
  if (checkpoints.length === 0 || !isStableCertificate(checkpoints, step.env.genesis)) {
    return step.discard("stable-checkpoint", replica, "invalid-certificate");
  }
  if (stableSequence(checkpoints) <= step.state.log.low) return step.discard("stable-checkpoint", replica, "duplicate");
  const certificate = checkpoints as StableCertificate; // nested in a message that the gate has verified
  onStable(step, certificate);
  if (isLeftBehind(step, certificate)) startTransfer(step, certificate);
}

/**
 * Whether the others have left this replica behind: it has executed nothing since its last status, and the sender no
 * longer has the messages that it lacks.
 */
function isLeftBehind({ state }: Step, certificate: StableCertificate): boolean {
  const { status, lastExecuted, loads } = state;
  return stableSequence(certificate) > lastExecuted && status.executed >= lastExecuted && loads.size === 0;
}

/**
 * Keeps a checkpoint message. Of each sender all within the window are kept, and the highest one above it: a bounded
 * number, and enough for a quorum to meet.
 */
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

/**
 * A stable certificate is known: moves the watermarks to it, or starts to catch up if this replica has not executed
 * that far.
 */
export function onStable(step: Step, certificate: StableCertificate): void {
  const { state } = step;
  const sequence = stableSequence(certificate);
  if (sequence <= state.log.low) return;
  if (!state.transfer && state.tree.sequence >= sequence) return stabilize(step, certificate);
  if (stableSequence(state.ahead ?? []) < sequence) state.ahead = certificate;
  // Within the window the missing votes may still arrive. Above it they would be refused.
  const isStuck = (isSurpassed(step) && sequence > state.lastExecuted) || lacksVersion(state);
  if (state.transfer || sequence > state.log.high || isStuck) startTransfer(step, certificate);
}
