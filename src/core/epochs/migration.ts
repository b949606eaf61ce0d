/**
 * A new version of the state machine. Each replica makes the next state itself, before it signs the checkpoint that
 * closes the epoch. So that checkpoint binds the state of the new version, and nobody enters the next epoch with another
 * one: a replica that was away, or is new, fetches it by its digests as any other state.
 *
 * The migration is done in slices, as the rest of the checkpoint is. Chunks of the former state are read when the migration
 * asks for them, and the new ones are stored as it gives them. The tree names the former ones until it has given all. So
 * what a replica has in memory is bounded by the ids and digests of all chunks, and by what the migration itself keeps;
 * and it goes on to answer whatever is not an operation or a query.
 *
 * A migration that throws changes nothing, at whatever chunk it does. The checkpoint then binds that it has failed, and the
 * former version stays in force in the next epoch. What it has given until then is dropped. A replica that lacks the
 * version, or its migration, signs nothing. It waits for the checkpoint of the others.
 * @module
 */
import { ask, havePages } from "../checkpoints/loading.ts";
import { describeThrown } from "../ordering/machine_guard.ts";
import type { Migrating, MigrationRun, Sealing } from "../sealing/state.ts";
import type { ChunkChecker, StateMachine } from "../state_machine.ts";
import type { Step } from "../step.ts";
import { readChunk } from "../tree/state_tree.ts";
import { CONFIGURATION_CHUNK, type Pending, plainOf } from "./pending.ts";
import { CheckedSteps, inSteps, type Migrate, type StreamedMigration } from "./migrate.ts";

/** The prefix of the chunks of the state machine. */
const MACHINE = "m";
/** How many chunks are read at once. */
const READ_AT_ONCE = 64;
/** The least that a step counts, bytes. */
const LEAST_BYTES = 128;

/**
 * Replaces the chunks of the state machine by those of the next version, if this checkpoint closes the epoch. Takes steps of
 * about so many bytes. `done`: the tree has all of the new state. `waits`: parts of the state must be loaded first, or this
 * replica can't do it.
 */
export function migrateSome(step: Step, sealing: Sealing, most: number): "done" | "more" | "waits" {
  const { state, env } = step;
  const { pending } = state.epochs;
  if (sealing.isMigrated || !pending || pending.closesAt !== sealing.sequence || !changesVersion(step)) return "done";
  const { stateMachine: version, closesAt: sequence } = pending;
  const migration = env.migration?.(version) ?? null;
  if (!migration) return lack(step, version);
  if (!havePages(step, state.tree.unloaded())) return "waits";
  const migrating = sealing.migrating ??= formerOf(step);
  const { next } = migrating;
  try {
    migrating.run ??= begin(step, migrating, version, migration);
    const result = advance(step, migrating, migrating.run, most);
    if (result !== "done") return result;
    migrating.run.checker.end();
    state.tree.replaceAll(MACHINE, next);
    step.event({ kind: "migrated", version, sequence });
  } catch (error) {
    state.tree.unmake([...next].filter(([id, digest]) => state.tree.chunk(id) !== digest).map(([, digest]) => digest));
    step.event({ kind: "migration-failed", version, sequence, ...describeThrown(error) });
    fail(step, pending);
  }
  sealing.isMigrated = true;
  sealing.migrating = null;
  return "done";
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

function lack(step: Step, version: string): "waits" {
  const { epochs } = step.state;
  if (epochs.lacks === null) step.event({ kind: "version-missing", version });
  epochs.lacks = version;
  return "waits";
}

function formerOf({ state: { tree } }: Step): Migrating {
  const former = tree.chunksOf(MACHINE).map(([id, digest]) => [id.slice(MACHINE.length), digest] as const);
  const places = new Map(former.map(([id], place) => [id, place]));
  return { former, places, loaded: new Map(), next: new Map(), run: null, wanted: null };
}

function begin(
  { state, env }: Step,
  { former }: Migrating,
  version: string,
  migration: Migrate | StreamedMigration,
): MigrationRun {
  const context = { sequence: state.lastExecuted, timestamp: state.agreedTime };
  const steps = new CheckedSteps(inSteps(migration), former.map(([id]) => id), context);
  return { steps, checker: checkerOf(env.createMachine!(version)) };
}

/**
 * A state that the machine does not take back would stop every replica at its next start. A machine that can't check it chunk
 * by chunk gets all of it at the end.
 */
function checkerOf(machine: StateMachine): ChunkChecker {
  if (machine.lazyLoading?.checker) return machine.lazyLoading.checker();
  const chunks = new Map<string, Uint8Array>();
  return { next: (id, chunk) => void chunks.set(id, chunk), end: () => machine.restore(chunks) };
}

/** Takes steps of about so many bytes. @throws what the migration, or the machine of the next version, throws. */
function advance(
  step: Step,
  migrating: Migrating,
  { steps, checker }: MigrationRun,
  most: number,
): "done" | "more" | "waits" {
  const { state: { tree }, env } = step;
  const { former, places, loaded, next } = migrating;
  for (let bytes = 0; bytes < most; bytes += LEAST_BYTES) {
    const place = migrating.wanted === null ? undefined : places.get(migrating.wanted);
    const digest = place === undefined ? undefined : former[place]![1];
    // What was changed last is perhaps not stored yet.
    const blob = digest && (loaded.get(digest) ?? tree.unsealed(digest));
    if (digest && !blob) {
      read(step, migrating, place!);
      return "waits";
    }
    if (digest) loaded.delete(digest);
    const taken = steps.next(blob && readChunk(env.unpack(blob))[1]);
    bytes += blob?.length ?? 0;
    if (taken === null) return "done";
    migrating.wanted = typeof taken === "string" ? taken : null;
    if (typeof taken === "string") continue;
    const [id, chunk] = taken;
    checker.next(id, chunk);
    const made = tree.make(MACHINE + id, chunk);
    next.set(MACHINE + id, made.digest);
    bytes += made.bytes;
  }
  return "more";
}

/** Reads a chunk of the former state, and those after it, which are likely to be asked for next. */
function read(step: Step, { former, loaded }: Migrating, place: number): void {
  // Some may be damaged, so that they come later than the others.
  if (step.state.loads.has(former[place]![1])) return;
  loaded.clear();
  for (const [, digest] of former.slice(place, place + READ_AT_ONCE)) ask(step, digest, { kind: "former" });
}

function fail({ state, env }: Step, pending: Pending): void {
  state.epochs.pending = { ...pending, hasFailed: true };
  // Its chunk without this mark is in no checkpoint, so nothing else would drop it.
  state.tree.unmake([state.tree.chunk(CONFIGURATION_CHUNK)!]);
  state.tree.put(CONFIGURATION_CHUNK, env.pack(plainOf(state.epochs.pending)));
}
