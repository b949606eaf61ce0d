/**
 * Moving the watermarks to a stable checkpoint and freeing what lies below (PBFT §4.3).
 * @module
 */
import type { Digest, SequenceNumber } from "../messages/ids.ts";
import { InvariantError } from "../invariant.ts";
import type { ChunkChange } from "../tree/state_tree.ts";
import { type StableCertificate, stableSequence } from "../messages/certificates.ts";
import type { Environment } from "../io.ts";
import type { ReplicaState } from "../state.ts";
import type { Step } from "../step.ts";

/**
 * A slice drops one old blob per so many bytes of its size. A store finds blobs by their digests, which are in no order:
 * few drops at a time would change most pages of that index again and again.
 */
const BYTES_PER_DROP = 512;

/**
 * Moves the watermarks to a stable checkpoint and frees everything at or below it.
 * @throws {DivergenceError} if this replica's own state at that number is another one.
 */
export function stabilize(step: Step, certificate: StableCertificate): void {
  const { state } = step;
  const { sequence, digest } = certificate[0]!.message;
  const own = state.ownCheckpoints.get(sequence);
  if (own !== undefined && own !== digest) {
    throw new InvariantError(
      `this replica's state at ${sequence} is ${own}, a quorum has ${digest}: it has diverged`,
      "divergence",
    );
  }
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

/**
 * Lets go of the blobs that neither the stable checkpoint nor the one before it names. Those two stay, for replicas that
 * are fetching them. The blobs are dropped in slices, of which this is the first.
 */
function dropRetired(step: Step, stable: SequenceNumber): void {
  const { state, env } = step;
  // After a jump there may be more than one list. Only the newest is dropped in slices, so that nothing piles up.
  state.retired.release(stable - 2 * env.genesis.checkpointInterval);
  if (state.retired.isDropping) step.persist({ kind: "drop-blobs", ...state.retired.drop(Infinity) });
  releaseRetired(env, state, stable);
  dropSome(step);
}

/** From now on the blobs are dropped in slices, so many at a time that all are gone after half as many batches as K. */
export function releaseRetired(
  { genesis: { checkpointInterval }, settings }: Pick<Environment, "genesis" | "settings">,
  state: Pick<ReplicaState, "retired" | "dropping">,
  stable: SequenceNumber,
): void {
  const count = state.retired.release(stable - checkpointInterval);
  const most = Math.ceil(2 * count / checkpointInterval);
  state.dropping = Math.max(most, Math.ceil(settings.checkpointSliceBytes / BYTES_PER_DROP));
}

/** Drops a slice of the blobs that can be dropped. */
export function dropSome(step: Step): void {
  const { retired, dropping } = step.state;
  if (retired.isDropping) step.persist({ kind: "drop-blobs", ...retired.drop(dropping) });
}

/** Notes the blobs that a new checkpoint no longer names, and those that it names again. */
export function retire(
  step: Step,
  sequence: SequenceNumber,
  retired: readonly Digest[],
  named: Iterable<Digest>,
): void {
  step.state.retired.revive(named);
  for (const list of step.state.retired.takeChanged()) step.persist({ kind: "retired", ...list });
  step.state.retired.add(sequence, retired);
}

/** The client table's chunks among these. */
export function clientChunks(chunks: Iterable<ChunkChange>): readonly ChunkChange[] {
  return [...chunks].filter(([id]) => id.startsWith("n") || id.startsWith("s"));
}

/** The state machine's chunks among these, by the machine's own ids. */
export function machineChunks(chunks: Iterable<ChunkChange>): readonly ChunkChange[] {
  return [...chunks].filter(([id]) => id.startsWith("m")).map(([id, chunk]) => [id.slice(1), chunk]);
}
