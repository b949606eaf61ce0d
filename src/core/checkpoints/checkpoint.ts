/**
 * Checkpoints (PBFT §4.3). Every K sequence numbers each replica signs the digest of its state. A quorum of equal
 * checkpoint messages makes a stable checkpoint, which moves the watermarks and frees the log.
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber } from "../messages/ids.ts";
import type { Checkpoint, Signed, StableCheckpoint, Verified } from "../messages/messages.ts";
import { lacksVersion } from "../epochs/migration.ts";
import { startTransfer } from "./state_transfer.ts";
import { isStableCertificate, type StableCertificate, stableSequence } from "../messages/certificates.ts";
import { compare } from "../upkeep/contradictions.ts";
import type { Step } from "../step.ts";
import { stabilize } from "./watermarks.ts";

/**
 * Whether the others have a checkpoint that this replica's state machine failed to give. Then this replica executes
 * nothing more until it has fetched their state.
 */
export function isSurpassed({ state: { unsealed, ahead } }: Step): boolean {
  return unsealed !== null && stableSequence(ahead ?? []) >= unsealed;
}

/** This replica has taken a checkpoint: sends its digest. */
export function ownCheckpoint(step: Step, sequence: SequenceNumber, root: Digest): void {
  const { state } = step;
  state.ownCheckpoints.set(sequence, root);
  const checkpoint = step.env.sign<Checkpoint>({ kind: "checkpoint", replica: step.self, sequence, digest: root });
  if (step.mayVote) {
    step.send("all", checkpoint);
    keep(step, checkpoint);
  }
  checkStable(step, sequence);
  if (state.ahead && stableSequence(state.ahead) === sequence) onStable(step, state.ahead as StableCertificate);
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
