/**
 * State transfer (PBFT §5.3): a replica that a stable checkpoint has left behind fetches that state from the others, blob by blob,
 * each checked against its digest, root page first. What it has already it does not fetch. While it fetches it takes part in the
 * numbers above the checkpoint; it executes none.
 * @module
 */
import { stabilize, type StableCertificate, takeChanges } from "./checkpoint.ts";
import { answer, answerOf } from "./answers.ts";
import { executeCommitted } from "./execution.ts";
import { type Digest, type Millis, type ReplicaId, replicaId, type SequenceNumber } from "./ids.ts";
import type { FetchedBlob } from "./io.ts";
import type { Fetch } from "./messages.ts";
import { PAGES, readChunk, readPage, readRoot, type Root } from "./state_tree.ts";
import type { Step } from "./state.ts";

/** What a wanted digest is for. */
type Want =
  | { readonly kind: "root" }
  | { readonly kind: "page"; readonly page: number }
  | { readonly kind: "chunk"; readonly id: string };

/** A transfer that is under way. */
export interface Transfer {
  /** The stable checkpoint whose state is fetched. */
  readonly sequence: SequenceNumber;
  readonly digest: Digest;
  root: Root | null;
  readonly wanted: Map<Digest, Want>;
  /** What each peer has been asked for, and until when it may take. */
  readonly asked: Map<ReplicaId, { readonly digests: readonly Digest[]; readonly until: Millis }>;
  /** How often each peer was asked in vain; the best are asked first, of these those that were heard last. */
  readonly failures: Map<ReplicaId, number>;
  /** Chunks to put in place at the end; the state tree has their digests already. `null`: gone. */
  readonly staged: Map<string, Uint8Array | null>;
  /** What the state named before, or what was fetched on the way: to be dropped if the new state doesn't name it. */
  readonly former: Set<Digest>;
}

const DIGESTS_PER_FETCH = 32;
const FETCH_TIMEOUT_MS = 1_000;
/** Stands in the tree for a chunk whose content is not that of any checkpoint. */
const UNKNOWN = "unknown" as Digest;

/** Starts to fetch the state of a stable checkpoint, or turns to a newer one; what was fetched for an older one is kept. */
export function startTransfer(step: Step, certificate: StableCertificate): void {
  const { state } = step;
  const { sequence, digest } = certificate[0]!.message;
  const before = state.transfer;
  if (before && before.sequence >= sequence) return;
  const former = before?.former ?? state.tree.blobs();
  if (!before) {
    for (const [id, chunk] of takeChanges(step)) state.tree.put(id, chunk === null ? null : UNKNOWN);
  }
  state.transfer = {
    sequence,
    digest,
    root: null,
    wanted: new Map([[digest, { kind: "root" }]]),
    asked: new Map(),
    failures: before?.failures ?? new Map(),
    staged: before?.staged ?? new Map(),
    former,
  };
  if (sequence > state.log.low) stabilize(step, certificate);
  step.event({ kind: "state-transfer", phase: "started", sequence });
  ask(step, state.transfer);
}

/** Blobs come from a peer. Returns those that were not for a transfer. */
export function onStateBlobs(step: Step, from: ReplicaId, blobs: readonly FetchedBlob[]): readonly FetchedBlob[] {
  const { transfer } = step.state;
  if (!transfer) return blobs;
  const asked = transfer.asked.get(from)?.digests ?? [];
  transfer.asked.delete(from);
  const rest = blobs.filter((blob) => !place(step, transfer, blob));
  const served = asked.filter((digest) => !transfer.wanted.has(digest)).length;
  if (served === 0 && asked.length > 0) transfer.failures.set(from, (transfer.failures.get(from) ?? 0) + 1);
  if (transfer.root && transfer.wanted.size === 0) finish(step, transfer, transfer.root);
  else ask(step, transfer);
  return rest;
}

/** Peers that have taken too long are asked again only after the others. */
export function checkTransfer(step: Step): void {
  const { transfer } = step.state;
  if (!transfer) return;
  for (const [peer, { until }] of [...transfer.asked]) {
    if (step.now < until) continue;
    transfer.asked.delete(peer);
    transfer.failures.set(peer, (transfer.failures.get(peer) ?? 0) + 1);
  }
  ask(step, transfer);
}

/** When the next peer has taken too long. */
export function transferAt(step: Step): Millis | null {
  const deadlines = [...step.state.transfer?.asked.values() ?? []].map(({ until }) => until);
  return deadlines.length === 0 ? null : Math.min(...deadlines) as Millis;
}

function ask(step: Step, transfer: Transfer): void {
  const busy = new Set([...transfer.asked.values()].flatMap(({ digests }) => digests));
  const open = [...transfer.wanted.keys()].filter((digest) => !busy.has(digest));
  const heardAt = (peer: ReplicaId) => step.state.status.heardAt.get(peer) ?? 0;
  const failuresOf = (peer: ReplicaId) => transfer.failures.get(peer) ?? 0;
  const peers = step.env.genesis.replicas.map((_, index) => replicaId(index))
    .filter((peer) => peer !== step.self && !transfer.asked.has(peer))
    .sort((a, b) => failuresOf(a) - failuresOf(b) || heardAt(b) - heardAt(a) || a - b);
  for (const peer of peers) {
    const digests = open.splice(0, DIGESTS_PER_FETCH);
    if (digests.length === 0) return;
    transfer.asked.set(peer, { digests, until: (step.now + FETCH_TIMEOUT_MS) as Millis });
    step.send(peer, step.env.sign<Fetch>({ kind: "fetch", replica: step.self, digests }));
  }
}

/** Puts a blob where it belongs; false if it is not wanted. */
function place(step: Step, transfer: Transfer, { digest, bytes }: FetchedBlob): boolean {
  const want = transfer.wanted.get(digest);
  if (!want) return false;
  transfer.wanted.delete(digest);
  transfer.former.add(digest);
  step.persist({ kind: "blobs", blobs: new Map([[digest, bytes]]) });
  const content = step.env.unpack(bytes);
  if (want.kind === "root") placeRoot(step, transfer, readRoot(content));
  else if (want.kind === "page") placePage(step, transfer, want.page, readPage(content));
  else stage(step, transfer, want.id, digest, readChunk(content)[1]);
  return true;
}

function placeRoot(step: Step, transfer: Transfer, root: Root): void {
  transfer.root = root;
  for (let page = 0; page < PAGES; page++) {
    const digest = root.pages[page]!;
    if (step.state.tree.hasPage(page, digest)) continue;
    if (digest === "") placePage(step, transfer, page, []);
    else transfer.wanted.set(digest, { kind: "page", page });
  }
}

function placePage(step: Step, transfer: Transfer, page: number, entries: ReturnType<typeof readPage>): void {
  const { tree } = step.state;
  const there = new Set(entries.map(([id]) => id));
  for (const id of tree.idsOn(page)) if (!there.has(id)) stage(step, transfer, id, null, null);
  for (const [id, digest] of entries) if (tree.chunk(id) !== digest) transfer.wanted.set(digest, { kind: "chunk", id });
}

function stage(step: Step, transfer: Transfer, id: string, digest: Digest | null, chunk: Uint8Array | null): void {
  step.state.tree.put(id, digest);
  transfer.staged.set(id, chunk);
}

/** Everything is there: the state becomes that of the checkpoint, and execution goes on from it. */
function finish(step: Step, transfer: Transfer, root: Root): void {
  const { state, env } = step;
  const { sequence, digest } = transfer;
  env.stateMachine.restore(
    [...transfer.staged].filter(([id]) => id.startsWith("m")).map(([id, chunk]) => [id.slice(1), chunk]),
  );
  state.clients.restore([...transfer.staged].filter(([id]) => !id.startsWith("m")));
  state.tree.adopt(digest, root);
  const live = state.tree.blobs();
  const retired = [...transfer.former].filter((former) => !live.has(former));
  state.retired.add(sequence, retired);
  state.lastExecuted = sequence;
  state.history = root.history;
  state.agreedTime = root.agreedTime;
  state.transfer = null;
  step.persist({ kind: "checkpoint", sequence, root: digest, retired });
  step.event({ kind: "state-transfer", phase: "finished", sequence });
  settlePending(step);
  executeCommitted(step);
}

/** Answers the requests that were executed in the numbers that this replica has skipped. */
function settlePending(step: Step): void {
  const { pending } = step.state;
  for (const { request } of [...pending.entries()]) {
    const results = answerOf(step.state, request);
    if (!results) continue;
    pending.remove(request);
    answer(step, request, results);
  }
}
