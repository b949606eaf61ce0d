/**
 * A checkpoint in slices. At a multiple of K the changes are frozen. The chunks are then made, hashed and stored a slice
 * at a time, while the replica goes on, so that no step and no commit takes long however much has changed. After the
 * chunks the changed pages of the tree follow, and at last the root. Only then is the checkpoint taken: its record is
 * stored, and its message sent. What fits into one slice is done at once.
 *
 * - *Pace.* A slice is made whenever {@linkcode SLICE_PAUSE_MS} have passed since the last one. The checkpoint is
 *   complete when K / 2 more numbers are executed, so that the window does not fill up: before each number the part due
 *   until then is done. Replicas take a checkpoint at different moments, which the protocol allows.
 * - *Stops.* The blobs of a slice are noted as `fetched` in the same commit. A replica that restarts in between is at the
 *   checkpoint before, executes the numbers again, and so makes the same blobs, of which it need not store those again. If
 *   a state transfer overtakes the checkpoint, the transfer uses or drops them.
 * - *At once.* A host that may stop the replica between any two messages sets no limit to a slice. Then nothing is executed
 *   before the checkpoint is complete: a start would have to execute it again.
 * - *Blobs of former checkpoints* that are named again are taken off the lists of those to be dropped as soon as the slice
 *   is made. Others are dropped in slices too.
 *
 * @module
 */
import type { Digest, Millis } from "../messages/ids.ts";
import { failureOf, StateMachineError } from "../ordering/machine_guard.ts";
import { ownCheckpoint } from "../checkpoints/checkpoint.ts";
import { migrateSome } from "../epochs/migration.ts";
import { freeze, haveFrozenNeeds } from "./freezing.ts";
import type { Sealing } from "./state.ts";
import { havePages } from "../checkpoints/loading.ts";
import { forgetDamaged } from "../recovery/repair.ts";
import type { ChunkChange } from "../tree/state_tree.ts";
import type { Step } from "../step.ts";
import { dropSome, retire } from "../checkpoints/watermarks.ts";

/** The least time between two slices, ms, unless more is due. */
const SLICE_PAUSE_MS = 10;
/** The least that a change of a chunk counts, bytes. */
const LEAST_BYTES = 128;

/** Whether a multiple of K was executed and its checkpoint was not begun yet. */
export function isCheckpointDue({ state, env }: Step): boolean {
  const { lastExecuted, unsealed, tree, sealing } = state;
  return lastExecuted % env.genesis.checkpointInterval === 0 && tree.sequence < lastExecuted &&
    unsealed !== lastExecuted && sealing?.sequence !== lastExecuted;
}

/**
 * Begins the checkpoint after a multiple of K was executed. Returns false if a chunk must be loaded first. If the state
 * machine fails, no checkpoint is taken.
 */
export function beginCheckpoint(step: Step): boolean {
  const { state } = step;
  try {
    if (!haveFrozenNeeds(step)) return false;
    const frozen = freeze(step);
    const { sequence, history, agreedTime, blocks } = frozen;
    const place = { sequence, history, agreedTime, blocks, frozen };
    const nothingYet = { made: [], pages: null, pagesLeft: 0, isWaiting: false, isMigrated: false, migrating: null };
    state.sealing = { ...place, ...nothingYet, chunks: frozen.left };
  } catch (error) {
    if (!(error instanceof StateMachineError)) throw error;
    state.unsealed = state.lastExecuted;
    step.event(failureOf(error, state.lastExecuted));
    return true;
  }
  state.unsealed = null;
  slice(step, state.sealing);
  return true;
}

/** Before the next number is executed: makes the slices due until then. Returns false if pages must be loaded first. */
export function keepUp(step: Step): boolean {
  const { state } = step;
  while (state.sealing && isDue(step, state.sealing)) {
    if (!slice(step, state.sealing)) return !isOverdue(step, state.sealing);
  }
  dropSome(step);
  return true;
}

/**
 * In each step: makes a slice if it is time for it, and drops some old blobs. A step that has executed something gives
 * its replies first; then the next step follows at once if more is due.
 */
export function continueSealing(step: Step): void {
  const { state, now } = step;
  const at = sliceAt(step);
  if (at === null || now < at || step.hasExecuted) return;
  if (isOpen(step)) slice(step, state.sealing!);
  state.sliceAt = now + SLICE_PAUSE_MS as Millis;
  dropSome(step);
}

/** When the next slice is to be made; `null` if there is nothing to do. */
export function sliceAt(step: Step): Millis | null {
  const { sealing, retired, sliceAt } = step.state;
  if (!isOpen(step)) return retired.isDropping ? sliceAt : null;
  return isDue(step, sealing!) ? step.now : sliceAt;
}

/** Pages that a checkpoint waits for may have been loaded. */
export function retrySealing({ state, now }: Step): void {
  if (!state.sealing?.isWaiting) return;
  state.sealing.isWaiting = false;
  state.sliceAt = now;
}

/** Whether a slice can be made. A state transfer replaces the checkpoint. */
function isOpen({ state: { sealing, transfer } }: Step): boolean {
  return sealing !== null && !sealing.isWaiting && transfer === null;
}

/** The number of executed batches by which a checkpoint must be complete. */
function deadlineOf({ env: { genesis } }: Pick<Step, "env">): number {
  return Math.floor(genesis.checkpointInterval / 2);
}

/** Whether more must be done before the next number is executed. Chunks have three quarters of the time, pages the rest. */
function isDue(step: Step, sealing: Sealing): boolean {
  // Callers wait for a migration, as nothing can be executed before it is done.
  if (sealing.migrating || isOverdue(step, sealing)) return true;
  const passed = (step.state.lastExecuted - sealing.sequence) / deadlineOf(step);
  const [left, all, part] = sealing.pages === null
    ? [sealing.frozen.left + sealing.made.length, sealing.chunks, passed / 0.75]
    : [sealing.pagesLeft, sealing.pages, (passed - 0.75) / 0.25];
  return left > all * (1 - part);
}

function isOverdue(step: Step, sealing: Sealing): boolean {
  return sealing.blocks || step.state.lastExecuted - sealing.sequence >= deadlineOf(step);
}

/** Makes a slice. Returns false if pages must be loaded first. */
function slice(step: Step, sealing: Sealing): boolean {
  const { state: { tree }, env, now } = step;
  const most = sealing.blocks ? Infinity : env.settings.checkpointSliceBytes;
  step.state.sliceAt = now + SLICE_PAUSE_MS as Millis;
  let bytes = 0;
  while (bytes < most && (sealing.made.length > 0 || sealing.frozen.left > 0)) {
    if (sealing.made.length === 0) sealing.made = take(sealing, most - bytes);
    if (!have(step, sealing, tree.needsToPut(sealing.made.map(([id]) => id)))) return store(step, false);
    for (const [id, chunk] of sealing.made) bytes += Math.max(tree.put(id, chunk), bytesOf(chunk));
    sealing.made = [];
  }
  if (sealing.frozen.left > 0 || bytes >= most) return store(step, true);
  let migration = migrateSome(step, sealing, most - bytes);
  for (; migration === "more" && sealing.blocks; migration = migrateSome(step, sealing, most)) store(step, true);
  if (migration === "more") return store(step, true);
  sealing.isWaiting = migration === "waits";
  if (sealing.isWaiting || !have(step, sealing, tree.needsToSeal())) return store(step, false);
  sealing.pagesLeft = tree.hashPages(most - bytes);
  sealing.pages ??= sealing.pagesLeft;
  if (sealing.pagesLeft > 0) return store(step, true);
  complete(step, sealing);
  return true;
}

/** Takes frozen chunks of about so many bytes. */
function take(sealing: Sealing, most: number): readonly ChunkChange[] {
  const taken: ChunkChange[] = [];
  for (let bytes = 0; bytes < most;) {
    const change = sealing.frozen.next();
    if (!change) break;
    taken.push(change);
    bytes += bytesOf(change[1]);
  }
  return taken;
}

/** What a change counts, bytes: also a chunk that is removed, or hashed for nothing because it is as before, takes time. */
function bytesOf(chunk: Uint8Array | null): number {
  return Math.max(chunk?.length ?? 0, LEAST_BYTES);
}

/** Whether no page is missing. */
function have(step: Step, sealing: Sealing, missing: readonly Digest[]): boolean {
  sealing.isWaiting = missing.length > 0;
  return havePages(step, missing);
}

/** Stores the blobs that were made so far, with a note of their digests. Passes `result` on. */
function store(step: Step, result: boolean): boolean {
  const { fetched } = step.state;
  const blobs = takeNew(step);
  if (blobs.size === 0) return result;
  const digests = [...blobs.keys()];
  for (const digest of digests) fetched.add(digest);
  step.persist({ kind: "blobs", blobs });
  step.persist({ kind: "fetched", digests });
  return result;
}

/** Takes the new blobs from the tree, without those that an earlier run has stored. */
function takeNew({ state: { tree, retired, fetched } }: Step): ReadonlyMap<Digest, Uint8Array> {
  const blobs = tree.takeBlobs();
  retired.revive(blobs.keys());
  for (const digest of blobs.keys()) if (fetched.has(digest)) blobs.delete(digest);
  return blobs;
}

/** All is hashed: takes the checkpoint, and sends its digest. */
function complete(step: Step, sealing: Sealing): void {
  const { state } = step;
  const { sequence, history, agreedTime } = sealing;
  const others = [...state.fetched].filter((digest) => !state.tree.hasMade(digest));
  const sealed = state.tree.seal([], { sequence, history, agreedTime });
  const { root } = sealed;
  const blobs = new Map([...sealed.blobs].filter(([digest]) => !state.fetched.has(digest)));
  // A run before this one may have stored blobs for this checkpoint that it does not have.
  const retired = [...sealed.retired, ...others];
  state.sealing = null;
  retire(step, sequence, retired, sealed.blobs.keys());
  forgetDamaged(step, retired);
  if (blobs.size > 0) step.persist({ kind: "blobs", blobs });
  step.persist({ kind: "checkpoint", sequence, root, retired });
  if (state.fetched.size > 0) step.persist({ kind: "fetched", digests: null });
  state.fetched.clear();
  step.event({ kind: "checkpoint-taken", sequence, root });
  ownCheckpoint(step, sequence, root);
}
