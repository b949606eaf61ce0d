/**
 * Moving the watermarks to a stable checkpoint and freeing what lies below (PBFT §4.3); the changes since the last
 * checkpoint.
 * @module
 */
import type { Digest, SequenceNumber } from "../messages/ids.ts";
import { takeConfiguration } from "../epochs/configure.ts";
import { CONFIGURATION_CHUNK } from "../epochs/pending.ts";
import { InvariantError } from "../invariant.ts";
import { changesOf, failureOf, StateMachineError } from "../ordering/machine_guard.ts";
import type { ChunkChange } from "../tree/state_tree.ts";
import { type StableCertificate, stableSequence } from "../messages/certificates.ts";
import type { Step } from "../step.ts";

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
 * Drops the blobs that neither the stable checkpoint nor the one before it names. Those two stay, for replicas that are
 * fetching them.
 */
function dropRetired(step: Step, stable: SequenceNumber): void {
  const { state } = step;
  const through = stable - step.env.genesis.checkpointInterval;
  const { lists, digests } = state.retired.release(through);
  if (lists.length > 0) {
    step.persist({
      kind: "drop-blobs",
      digests,
      checkpoints: lists.map(({ sequence }) => sequence),
    });
  }
}
/** Notes the blobs that a new checkpoint no longer names, and those that it names again. */
export function retire(
  step: Step,
  sequence: SequenceNumber,
  retired: readonly Digest[],
  named: { has(digest: Digest): boolean },
): void {
  for (const list of step.state.retired.revive(named)) step.persist({ kind: "retired", ...list });
  step.state.retired.add(sequence, retired);
}

/**
 * The chunks of the state machine and the client table that changed since the last call.
 * @throws {StateMachineError} if the machine fails; then no change is lost.
 */
export function takeChanges(step: Pick<Step, "env" | "state">): readonly ChunkChange[] {
  const changes = changesOf(step.env.stateMachine).map(([id, chunk]): ChunkChange => [`m${id}`, chunk]);
  const configuration = takeConfiguration(step);
  const ofEpoch: ChunkChange[] = configuration ? [[CONFIGURATION_CHUNK, configuration]] : [];
  return [...changes, ...step.state.clients.takeChanges(), ...ofEpoch];
}

/**
 * The ids of the chunks that may differ from those stored with the last checkpoint. A machine with lazy loading adds
 * none, because its stored chunks can be used. If the machine can't report its changes, all its chunks count as
 * changed.
 */
export function changedIds(step: Step): ReadonlySet<string> {
  const { sealing, clients, tree } = step.state;
  const { stateMachine } = step.env;
  const ids = new Set(sealing?.ids);
  try {
    if (!stateMachine.lazyLoading) { for (const [id] of changesOf(stateMachine)) ids.add(`m${id}`); }
  } catch (error) {
    if (!(error instanceof StateMachineError)) throw error;
    step.event(failureOf(error, step.state.lastExecuted));
    for (const id of tree.idsOutside(new Set())) if (id.startsWith("m")) ids.add(id);
  }
  for (const [id] of clients.takeChanges()) ids.add(id);
  if (takeConfiguration(step)) ids.add(CONFIGURATION_CHUNK);
  return ids;
}

/** The client table's chunks among these. */
export function clientChunks(chunks: Iterable<ChunkChange>): readonly ChunkChange[] {
  return [...chunks].filter(([id]) => id.startsWith("n") || id.startsWith("s"));
}

/** The state machine's chunks among these, by the machine's own ids. */
export function machineChunks(chunks: Iterable<ChunkChange>): readonly ChunkChange[] {
  return [...chunks].filter(([id]) => id.startsWith("m")).map(([id, chunk]) => [id.slice(1), chunk]);
}
