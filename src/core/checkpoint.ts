/**
 * Checkpoints (PBFT §4.3): every K numbers each replica signs its state's digest; a quorum of equal ones is stable, moves the
 * watermarks and frees the log.
 * @module
 */
import { compare } from "./evidence.ts";
import type { Digest, ReplicaId, SequenceNumber } from "./ids.ts";
import { invariant } from "./invariant.ts";
import type { Checkpoint, Signed, StableCheckpoint, Verified } from "./messages.ts";
import { isStableCertificate } from "./new_view.ts";
import { startTransfer } from "./state_transfer.ts";
import type { ChunkChange } from "./state_tree.ts";
import type { Step } from "./state.ts";

/** A quorum of equal checkpoint messages. */
export type StableCertificate = readonly Verified<Signed<Checkpoint>>[];

/** The number of a stable certificate; 0 for the empty one of the start. */
export function stableSequence(certificate: readonly Signed<Checkpoint>[]): SequenceNumber {
  return certificate[0]?.message.sequence ?? 0 as SequenceNumber;
}

/** The chunks that changed since the last call, of the state machine and the client table. */
export function* takeChanges(step: Pick<Step, "env" | "state">): Iterable<ChunkChange> {
  for (const [id, chunk] of step.env.stateMachine.takeChanges()) yield [`m${id}`, chunk];
  yield* step.state.clients.takeChanges();
}

/** Seals the state after executing a multiple of K and says its digest. */
export function takeCheckpoint(step: Step): void {
  const { state } = step;
  const { lastExecuted: sequence, history, agreedTime } = state;
  const { root, blobs, retired } = state.tree.seal(takeChanges(step), { sequence, history, agreedTime });
  state.retired.add(sequence, retired);
  state.ownCheckpoints.set(sequence, root);
  step.persist({ kind: "blobs", blobs });
  step.persist({ kind: "checkpoint", sequence, root, retired });
  step.event({ kind: "checkpoint-taken", sequence, root });
  const checkpoint = step.env.sign<Checkpoint>({ kind: "checkpoint", replica: step.self, sequence, digest: root });
  if (step.mayVote) {
    step.send("all", checkpoint);
    keep(step, checkpoint);
  }
  checkStable(step, sequence);
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
  onStable(step, checkpoints as StableCertificate); // nested in what the gate has verified
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
  if (!state.transfer && state.lastExecuted >= sequence) return stabilize(step, certificate);
  if (stableSequence(state.ahead ?? []) < sequence) state.ahead = certificate;
  // Within the window the missing votes may still be on their way; above it they would be refused.
  if (state.transfer || sequence > state.log.high) startTransfer(step, certificate);
}

/** Moves the watermarks to a stable checkpoint and frees what is at or below it. */
export function stabilize(step: Step, certificate: StableCertificate): void {
  const { state } = step;
  const { sequence, digest } = certificate[0]!.message;
  const own = state.ownCheckpoints.get(sequence);
  invariant(
    own === undefined || own === digest,
    `this replica's state at ${sequence} is ${own}, a quorum has ${digest}: it has diverged`,
  );
  state.stable = certificate;
  state.log.advance(sequence);
  for (const old of [...state.checkpoints.keys()]) if (old <= sequence) state.checkpoints.delete(old);
  for (const old of [...state.ownCheckpoints.keys()]) if (old <= sequence) state.ownCheckpoints.delete(old);
  if (stableSequence(state.ahead ?? []) <= sequence) state.ahead = null;
  if (state.lastProposed < sequence) state.lastProposed = sequence;
  step.persist({ kind: "stable", certificate });
  step.persist({ kind: "forget", through: sequence });
  dropRetired(step, sequence);
  step.event({ kind: "checkpoint-stable", sequence, root: digest });
}

/** The state of the stable checkpoint and of the one before stay for those who are fetching them. */
function dropRetired(step: Step, stable: SequenceNumber): void {
  const { state } = step;
  const through = stable - step.env.genesis.checkpointInterval;
  const { lists, digests } = state.retired.release(through, (digest) => state.tree.isLive(digest));
  if (lists.length > 0) {
    step.persist({
      kind: "drop-blobs",
      digests,
      checkpoints: lists.map(({ sequence }) => sequence),
    });
  }
}
