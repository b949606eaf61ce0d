/**
 * Rebuilds the state of a replica from its store.
 * @module
 */
import { newClock } from "../ordering/agreed_time.ts";
import { ClientTable } from "../clients/client_table.ts";
import { Evidence } from "../messages/evidence.ts";
import { restoreConfiguration } from "../epochs/configure.ts";
import { isNextVersions } from "../epochs/migration.ts";
import { CONFIGURATION_CHUNK, createEpochState } from "../epochs/pending.ts";
import { createFetches } from "../checkpoints/fetches.ts";
import { type Digest, type Millis, sequenceNumber } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import { createLeaving } from "../views/leaving.ts";
import type { Environment } from "../io.ts";
import type { StoredState } from "../records.ts";
import { guarded } from "../ordering/machine_guard.ts";
import { MessageLog } from "../ordering/message_log.ts";
import type { Checkpoint, Commit, Prepare } from "../messages/messages.ts";
import { createNumbering } from "../upkeep/numbering.ts";
import { PendingRequests } from "../ordering/pending_requests.ts";
import { primaryOf } from "../messages/quorum.ts";
import { RefusedRequests } from "../clients/refused_requests.ts";
import { RetiredBlobs } from "../sealing/retired_blobs.ts";
import { type ChunkChange, entriesOf, readChunk, readPage, readRoot, StateTree } from "../tree/state_tree.ts";
import type { ReplicaState } from "../state.ts";
import { restoreTimers } from "../upkeep/timers.ts";
import { lowWatermarkOf } from "../messages/certificates.ts";
import { createPeerRequests } from "../checkpoints/peer_requests.ts";
import { clientChunks, machineChunks, releaseRetired } from "../checkpoints/watermarks.ts";

/** The history before the first batch. */
const GENESIS_HISTORY = "0".repeat(64) as Digest;

/** Rebuilds the state; nothing is sent yet. Own votes are signed again: Ed25519 gives the same bytes. */
export function rebuild(env: Environment, storedState: StoredState): ReplicaState {
  const low = lowWatermarkOf(storedState.stable, env.genesis);
  const state: ReplicaState = {
    view: storedState.view,
    viewChange: storedState.viewChange,
    newView: storedState.newView,
    viewChanges: new Map(storedState.viewChange ? [[env.self, storedState.viewChange]] : []),
    suspicion: {
      awakeMs: 0,
      steppedAt: null,
      dueAt: null,
      dueAtLatest: null,
      refusedBy: null,
      timeoutMs: env.settings.viewTimeoutMs,
      executed: sequenceNumber(0),
      roundMs: null,
      deviationMs: 0,
      commitMs: 0,
    },
    leaving: createLeaving(storedState.suspicion),
    log: new MessageLog(low, env.genesis.logWindow),
    lastExecuted: sequenceNumber(0),
    history: GENESIS_HISTORY,
    agreedTime: 0 as Millis,
    clock: newClock(storedState.clockOffset),
    clients: new ClientTable(env, env.genesis.limits),
    pending: new PendingRequests(env.settings),
    refused: new RefusedRequests(env.settings.idleStatusMs),
    lastProposed: low,
    tree: new StateTree(env),
    retired: new RetiredBlobs(storedState.retired),
    loads: new Map(),
    sealing: null,
    sliceAt: 0 as Millis,
    dropping: 0,
    unsealed: null,
    answeredThrough: sequenceNumber(0),
    ownCheckpoints: new Map(),
    checkpoints: new Map(),
    stable: storedState.stable,
    ahead: null,
    fetched: new Set(storedState.fetched),
    transfer: null,
    lostDisk: storedState.lostDisk ?? null,
    asking: null,
    filling: { through: sequenceNumber(0), askedAt: new Map(), wanted: new Map(), request: null, since: 0 as Millis },
    status: {
      dueAt: 0 as Millis,
      delayMs: env.settings.statusIntervalMs,
      executed: sequenceNumber(0),
      busy: false,
      heard: new Map(),
      heardAt: new Map(),
      allowances: new Map(),
      freshness: new Map(),
      newViewSentFor: new Map(),
      newViewSentAt: new Map(),
      remindedAt: new Map(),
    },
    bodies: new Set(),
    damaged: new Set(),
    fetches: createFetches(),
    logRequests: createPeerRequests(),
    numbering: createNumbering(storedState.numbers),
    askedUntil: storedState.timers?.askedUntil ?? 0 as Millis,
    early: new Set(),
    epochs: createEpochState(),
    evidence: new Evidence(storedState.evidence),
    queries: [],
  };
  // What an unfinished checkpoint or transfer has stored may be on a list of blobs to drop.
  state.retired.revive(state.fetched);
  releaseRetired(env, state, low);
  if (storedState.checkpoint) restoreState(env, state, storedState, storedState.checkpoint);
  restoreLog(env, state, storedState);
  if (storedState.timers) restoreTimers(state, storedState.timers);
  return state;
}

function restoreState(
  env: Environment,
  state: ReplicaState,
  storedState: StoredState,
  checkpoint: NonNullable<StoredState["checkpoint"]>,
): void {
  const { sequence, root: rootDigest } = checkpoint;
  const read = (digest: Digest) => {
    const bytes = storedState.blobs.get(digest);
    invariant(bytes !== undefined, "store", `the store has blob ${digest} of the checkpoint at ${sequence}`);
    return env.unpack(bytes);
  };
  const { lazyLoading } = env.stateMachine;
  const root = readRoot(read(rootDigest));
  const listed: (readonly [id: string, digest: Digest])[] = [];
  state.tree.open(rootDigest, root);
  for (const [, digest] of root.pages) {
    if (lazyLoading && !storedState.blobs.has(digest)) continue;
    const page = readPage(read(digest));
    state.tree.load(digest, page);
    listed.push(...entriesOf(page));
  }
  const wanted = listed.filter(([id]) => !lazyLoading || !id.startsWith("m"));
  const chunks = wanted.map(([id, digest]): ChunkChange => [id, readChunk(read(digest))[1]]);
  // A page that is not in `blobs` lists no chunk of the client table, so it lists some of the state machine.
  const isEmpty = state.tree.unloaded().length === 0 && !listed.some(([id]) => id.startsWith("m"));
  restoreConfiguration(env, state, chunks.find(([id]) => id === CONFIGURATION_CHUNK)?.[1] ?? null);
  if (isNextVersions({ env, state })) { /* this epoch's machine can't read it, and is not used any more */ }
  else if (lazyLoading) guarded(env.stateMachine, "lazyLoading.unload", () => lazyLoading.unload(isEmpty));
  else guarded(env.stateMachine, "restore", () => env.stateMachine.restore(machineChunks(chunks)));
  state.clients.restore(clientChunks(chunks));
  state.lastExecuted = sequence;
  state.history = root.history;
  state.agreedTime = root.agreedTime;
  if (sequence <= state.log.low) return;
  const own = env.sign<Checkpoint>({ kind: "checkpoint", replica: env.self, sequence, digest: rootDigest });
  state.ownCheckpoints.set(sequence, rootDigest);
  // A replica that lost its disk sends no checkpoint messages, so it does not count its own either.
  if (!state.lostDisk) state.checkpoints.set(sequence, new Map([[env.self, own]]));
}

function restoreLog(env: Environment, state: ReplicaState, storedState: StoredState): void {
  const n = env.genesis.replicas.length;
  for (const { prePrepare, batch } of storedState.accepted) {
    const { view, sequence, digest } = prePrepare.message;
    if (!state.log.isWithin(sequence)) continue;
    const slot = state.log.slot(sequence);
    slot.prePrepare = prePrepare;
    slot.batch = batch;
    if (sequence > state.lastProposed) state.lastProposed = sequence;
    if (primaryOf(view, n) === env.self) continue;
    slot.prepares.set(env.self, env.sign<Prepare>({ kind: "prepare", replica: env.self, view, sequence, digest }));
  }
  for (const { sequence, view, batch } of storedState.former ?? []) {
    if (state.log.isWithin(sequence)) state.log.slot(sequence).former.set(batch.digest, { view, batch });
  }
  for (const certificate of storedState.prepared) {
    const { view, sequence, digest } = certificate.prePrepare.message;
    if (!state.log.isWithin(sequence)) continue;
    const slot = state.log.slot(sequence);
    slot.prepared = certificate;
    for (const prepare of certificate.prepares) {
      if (!slot.prepares.has(prepare.message.replica)) slot.prepares.set(prepare.message.replica, prepare);
    }
    slot.commits.set(env.self, env.sign<Commit>({ kind: "commit", replica: env.self, view, sequence, digest }));
  }
  for (const { sequence, commits, batch } of storedState.committed) {
    if (!state.log.isWithin(sequence)) continue;
    const slot = state.log.slot(sequence);
    slot.committed = batch.digest;
    slot.decision = commits;
    slot.batch = batch;
    const accepted = slot.prePrepare?.message;
    if (accepted?.digest !== batch.digest) continue;
    const { view, digest } = accepted;
    slot.commits.set(env.self, env.sign<Commit>({ kind: "commit", replica: env.self, view, sequence, digest }));
  }
  if (state.lastProposed < state.lastExecuted) state.lastProposed = state.lastExecuted;
}
