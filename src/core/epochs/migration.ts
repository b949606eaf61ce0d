/**
 * A new version of the state machine. Each replica makes the next state itself, before it signs the checkpoint that
 * closes the epoch. So that checkpoint binds the state of the new version, and nobody enters the next epoch with another
 * one: a replica that was away, or is new, fetches it by its digests as any other state.
 *
 * A migration that throws changes nothing. The checkpoint then binds that it has failed, and the former version stays in
 * force in the next epoch. A replica that lacks the version, or its migration, signs nothing. It waits for the checkpoint
 * of the others.
 * @module
 */
import { ask, havePages } from "../checkpoints/loading.ts";
import type { Digest } from "../messages/ids.ts";
import { describeThrown } from "../ordering/machine_guard.ts";
import type { Sealing } from "../sealing/state.ts";
import type { Step } from "../step.ts";
import { readChunk } from "../tree/state_tree.ts";
import { CONFIGURATION_CHUNK, type Pending, plainOf } from "./pending.ts";
import { type Migrate, migrated } from "./versions.ts";

/** The prefix of the chunks of the state machine. */
const MACHINE = "m";

/**
 * Replaces the chunks of the state machine by those of the next version, if this checkpoint closes the epoch: once all
 * of its chunks are in the tree. Returns false if parts of the state must be loaded first, or if this replica can't do
 * it.
 */
export function haveMigrated(step: Step, sealing: Sealing): boolean {
  const { state, env } = step;
  const { pending } = state.epochs;
  if (sealing.isMigrated || !pending || pending.closesAt !== sealing.sequence || !changesVersion(step)) return true;
  const migrate = env.migration?.(pending.stateMachine) ?? null;
  if (!migrate) return lack(step, pending.stateMachine);
  if (!havePages(step, state.tree.unloaded())) return false;
  const chunks = formerChunks(step, sealing);
  if (!chunks) return false;
  const next = attempt(step, migrate, chunks);
  if (next) {
    state.tree.replaceAll(MACHINE, next);
    step.event({ kind: "migrated", version: pending.stateMachine, sequence: pending.closesAt });
  } else fail(step, pending);
  sealing.isMigrated = true;
  sealing.former.clear();
  return true;
}

/** Whether a new version of the state machine comes into force with the next epoch. */
export function changesVersion({ env, state }: Pick<Step, "env" | "state">): boolean {
  const { pending } = state.epochs;
  return pending !== null && !pending.hasFailed && pending.stateMachine !== env.genesis.stateMachine;
}

/** Whether the state is that of the next version already. This epoch's machine can't read it, and is not used any more. */
export function isNextVersions({ env, state }: Pick<Step, "env" | "state">): boolean {
  return changesVersion({ env, state }) && state.tree.sequence === state.epochs.pending!.closesAt;
}

/** Whether this replica can't take the checkpoint that closes the epoch, so that it needs the state of the others. */
export function lacksVersion({ epochs }: Step["state"]): boolean {
  return epochs.lacks !== null;
}

function lack(step: Step, version: string): false {
  const { epochs } = step.state;
  if (epochs.lacks === null) step.event({ kind: "version-missing", version });
  epochs.lacks = version;
  return false;
}

/** The chunks of the state machine by its own ids; `null` if some must be loaded first. */
function formerChunks(step: Step, { former: loaded }: Sealing): ReadonlyMap<string, Uint8Array> | null {
  const { state, env } = step;
  const all = state.tree.chunksOf(MACHINE);
  const missing = all.filter(([, digest]) => !state.tree.unsealed(digest) && !loaded.has(digest));
  for (const [, digest] of missing) ask(step, digest, { kind: "former" });
  if (missing.length > 0) return null;
  const chunkOf = (digest: Digest) => readChunk(env.unpack(state.tree.unsealed(digest) ?? loaded.get(digest)!))[1];
  return new Map(all.map(([id, digest]) => [id.slice(MACHINE.length), chunkOf(digest)]));
}

/** The chunks of the next version by their ids in the tree; `null` if the migration fails. */
function attempt(
  step: Step,
  migrate: Migrate,
  chunks: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> | null {
  const { lastExecuted: sequence, agreedTime: timestamp, epochs } = step.state;
  const { stateMachine: version } = epochs.pending!;
  try {
    const next = migrated(migrate, chunks, { sequence, timestamp });
    // A state that the machine does not take back would stop every replica at its next start.
    step.env.createMachine!(version).restore(next);
    return new Map([...next].map(([id, chunk]) => [MACHINE + id, chunk]));
  } catch (error) {
    step.event({ kind: "migration-failed", version, sequence, ...describeThrown(error) });
    return null;
  }
}

function fail({ state, env }: Step, pending: Pending): void {
  state.epochs.pending = { ...pending, hasFailed: true };
  state.tree.put(CONFIGURATION_CHUNK, env.pack(plainOf(state.epochs.pending)));
}
