/**
 * State transfer (PBFT §5.3): a replica that lags behind a stable checkpoint fetches its state from the others, blob by
 * blob, the root page first, each checked against its digest.
 *
 * - It does not fetch blobs that it has. To know them, it first loads its own pages.
 * - Meanwhile it takes part in the numbers above the checkpoint, but executes none.
 * - The fetched blobs are stored, so that a restarted replica continues with them.
 * - With a lazily loaded state machine, fetched chunks are dropped from memory once they are stored, and the machine
 *   has nothing in memory at the end.
 *
 * @module
 */
import { skipTime } from "../ordering/agreed_time.ts";
import { dropSkipped, removeAnswered } from "../ordering/answers.ts";
import type { Digest } from "../messages/ids.ts";
import type { Environment, FetchedBlob } from "../io.ts";
import type { ReplicaState } from "../state.ts";
import { invariant } from "../invariant.ts";
import type { LeafContent } from "../tree/leaf.ts";
import { ask as load, havePages } from "./loading.ts";
import { guarded } from "../ordering/machine_guard.ts";
import { entriesOf, readChunk, readPage, readRoot, type Root } from "../tree/state_tree.ts";
import type { Transfer, Want } from "./transfer.ts";
import { checkpointOf, type StableCertificate } from "../messages/certificates.ts";
import { restoreConfiguration } from "../epochs/configure.ts";
import { isNextVersions } from "../epochs/migration.ts";
import { CONFIGURATION_CHUNK } from "../epochs/pending.ts";
import type { Step } from "../step.ts";
import { forgetDamaged } from "../recovery/repair.ts";
import { changedIds } from "../sealing/freezing.ts";
import { clientChunks, machineChunks, retire, stabilize } from "./watermarks.ts";

/** If a message with blobs starts this replica, an earlier run has asked for them. They may be a few answers, and may be a liar's. */
const MAX_EARLY = 256;
const MAX_EARLY_BYTES = 4 * 2 ** 20;

/** Stands in the tree for a chunk that differs from that of any checkpoint. */
const UNKNOWN = "unknown" as Digest;

/**
 * Starts to fetch the state of a stable checkpoint (of an empty certificate that at which the epoch starts), or moves on to a newer one. Blobs that were fetched for an older one are
 * kept.
 */
export function startTransfer(step: Step, certificate: StableCertificate): void {
  const { state } = step;
  const { sequence, digest } = checkpointOf(certificate, step.env.genesis)!;
  const before = state.transfer;
  if (before && before.sequence >= sequence) return;
  state.transfer = {
    sequence,
    digest,
    root: null,
    wanted: new Map(),
    staged: before?.staged ?? new Map(),
    former: before?.former ?? null,
    shared: new Set(),
    listed: new Set(),
    early: before?.early ?? new Map(),
  };
  if (sequence > state.log.low) stabilize(step, certificate);
  step.event({ kind: "state-transfer", phase: "started", sequence });
  continueTransfer(step);
}

/** Continues once the own pages are loaded. */
export function continueTransfer(step: Step): void {
  const { state } = step;
  const { transfer, tree } = state;
  if (!transfer || !havePages(step, tree.unloaded())) return;
  if (!transfer.former) {
    transfer.former = new Set([...tree.blobs(), ...tree.abandon(), ...state.fetched]);
    for (const id of changedIds(step)) tree.note(id, UNKNOWN);
    state.sealing = null;
  }
  if (!transfer.root) want(step, transfer, transfer.digest, { kind: "root" });
  advance(step, transfer);
}

/**
 * The blobs that are still needed of the state at which the epoch starts; none if this replica has that state, or
 * fetches a later one. Members of the epoch before have them, too.
 */
export function wantedAtStart(
  { genesis }: Pick<Environment, "genesis">,
  { transfer, fetched }: Pick<ReplicaState, "transfer" | "fetched">,
): readonly Digest[] {
  if (!transfer || transfer.sequence !== genesis.start?.sequence) return [];
  return [...transfer.wanted.keys()].filter((digest) => !fetched.has(digest));
}

function advance(step: Step, transfer: Transfer): void {
  placeEarly(step, transfer);
  if (transfer.root && transfer.wanted.size === 0) finish(step, transfer, transfer.root);
  else step.state.fetches.hasNews = true;
}

function placeEarly(step: Step, transfer: Transfer): void {
  const { early, wanted } = transfer;
  for (let found; (found = [...early.values()].filter(({ digest }) => wanted.has(digest))).length > 0;) {
    for (const { digest } of found) early.delete(digest);
    keep(step, transfer, found);
    for (const blob of found) place(step, transfer, blob);
  }
  if (!isReading(step, transfer)) early.clear();
}

/** Whether it is not fully known yet which blobs are wanted. */
function isReading({ state }: Step, { former }: Transfer): boolean {
  return !former || state.loads.size > 0;
}

/** Blobs arrive, each once. Returns those that belong to no transfer. */
export function onStateBlobs(step: Step, blobs: readonly FetchedBlob[]): readonly FetchedBlob[] {
  const { transfer } = step.state;
  if (!transfer) return blobs;
  if (isReading(step, transfer)) {
    keepEarly(transfer, blobs);
    if (transfer.former) advance(step, transfer);
    return [];
  }
  const rest = blobs.filter((blob) => !transfer.wanted.has(blob.digest));
  const wanted = blobs.filter((blob) => transfer.wanted.has(blob.digest));
  keep(step, transfer, wanted);
  for (const blob of wanted) place(step, transfer, blob);
  if (wanted.length > 0) advance(step, transfer);
  return rest;
}

/** Keeps blobs until it is known whether they are wanted. Those beyond the bounds are fetched again. */
function keepEarly({ early }: Transfer, blobs: readonly FetchedBlob[]): void {
  let bytes = [...early.values()].reduce((sum, blob) => sum + blob.bytes.length, 0);
  for (const blob of blobs) {
    if (early.has(blob.digest)) continue;
    bytes += blob.bytes.length;
    if (early.size >= MAX_EARLY || (early.size > 0 && bytes > MAX_EARLY_BYTES)) return;
    early.set(blob.digest, blob);
  }
}

/** A blob that was fetched earlier arrives from the store. */
export function onStoredBlob(step: Step, blob: FetchedBlob): void {
  if (step.state.transfer?.wanted.has(blob.digest)) place(step, step.state.transfer, blob);
}

/**
 * Stores blobs with a note of their digests, so that they are used or dropped later, whatever happens to this replica.
 */
function keep(step: Step, transfer: Transfer, fetched: readonly FetchedBlob[]): void {
  if (fetched.length === 0) return;
  const digests = fetched.map(({ digest }) => digest);
  step.state.retired.revive(digests);
  for (const digest of digests) {
    step.state.fetched.add(digest);
    transfer.former?.add(digest);
  }
  step.persist({ kind: "blobs", blobs: new Map(fetched.map(({ digest, bytes }) => [digest, bytes])) });
  step.persist({ kind: "fetched", digests });
}

/**
 * Marks a digest as wanted: it is read from the store if it was fetched before, or else fetched from a peer. If it is a
 * chunk that is loaded lazily, being stored is enough.
 */
function want(step: Step, transfer: Transfer, digest: Digest, what: Want): void {
  const { fetched } = step.state;
  if (what.kind === "chunk" && fetched.has(digest) && !isStaged(step, what.id)) {
    return step.state.tree.note(what.id, digest);
  }
  transfer.wanted.set(digest, what);
  if (fetched.has(digest)) load(step, digest, { kind: "fetched" });
}

/** Handles a wanted blob: the root page, another page, or a chunk. */
function place(step: Step, transfer: Transfer, { digest, bytes }: FetchedBlob): void {
  const what = transfer.wanted.get(digest);
  if (!what || !transfer.wanted.delete(digest)) return; // a liar may send one blob twice
  const content = step.env.unpack(bytes);
  if (what.kind === "root") placeRoot(step, transfer, readRoot(content));
  else if (what.kind === "page") placePage(step, transfer, readPage(content));
  else stage(step, transfer, { id: what.id, digest, chunk: readChunk(content)[1] });
}

function placeRoot(step: Step, transfer: Transfer, root: Root): void {
  transfer.root = root;
  const own = step.state.tree.unchanged();
  transfer.shared = new Set(root.pages.flatMap(([, digest]) => own.get(digest) ?? []));
  for (const [, digest] of root.pages) if (!own.has(digest)) want(step, transfer, digest, { kind: "page" });
}

function placePage(step: Step, transfer: Transfer, page: LeafContent): void {
  const { tree } = step.state;
  for (const [id, digest] of entriesOf(page)) {
    transfer.listed.add(id);
    if (tree.chunk(id) !== digest) want(step, transfer, digest, { kind: "chunk", id });
  }
}

/** Whether a chunk's content is applied at the end. */
function isStaged({ env }: Step, id: string): boolean {
  return !env.stateMachine.lazyLoading || !id.startsWith("m");
}

function stage(
  step: Step,
  { staged }: Transfer,
  { id, digest, chunk }: { id: string; digest: Digest | null; chunk: Uint8Array | null },
): void {
  step.state.tree.note(id, digest);
  if (isStaged(step, id)) staged.set(id, chunk);
}

/**
 * All blobs have arrived: the replica takes over the checkpoint's state. It executes from there later in the step (see
 * replica.ts).
 */
function finish(step: Step, transfer: Transfer, root: Root): void {
  const { state, env } = step;
  const { sequence, digest, listed, shared, staged } = transfer;
  const former = transfer.former!;
  for (const id of state.tree.idsOutside(shared)) {
    if (!listed.has(id)) stage(step, transfer, { id, digest: null, chunk: null });
  }
  const sealed = state.tree.seal([], root);
  invariant(
    sealed.root === digest,
    "internal",
    `the state at ${sequence} has the root ${sealed.root}, a quorum has ${digest}`,
  );
  state.loads.clear();
  state.fetched.clear();
  const chunks = state.tree.find("m", { at: "" });
  const isEmpty = Array.isArray(chunks) && chunks.length === 0;
  restoreConfiguration(env, state, staged.get(CONFIGURATION_CHUNK) ?? null);
  const { stateMachine } = env;
  // Nothing is executed on the state of another version, or asked of it.
  if (isNextVersions(step)) state.epochs.lacks = null;
  else if (stateMachine.lazyLoading) {
    guarded(stateMachine, "lazyLoading.unload", () => stateMachine.lazyLoading!.unload(isEmpty));
  } else guarded(stateMachine, "restore", () => stateMachine.restore(machineChunks(staged)));
  state.clients.restore(clientChunks(staged));
  const live = state.tree.blobs();
  const retired = [...former].filter((blob) => !live.has(blob));
  retire(step, sequence, retired, live);
  forgetDamaged(step, retired);
  state.lastExecuted = sequence;
  state.history = root.history;
  skipTime(step, root.agreedTime);
  state.transfer = state.unsealed = null;
  step.hasEndedTransfer = true;
  step.persist({ kind: "checkpoint", sequence, root: digest, retired });
  step.persist({ kind: "fetched", digests: null });
  step.event({ kind: "state-transfer", phase: "finished", sequence });
  removeAnswered(step);
  dropSkipped(step);
}
