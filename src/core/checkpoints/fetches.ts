/**
 * Fetching content by its digest: bodies of batches, and the blobs of a state transfer. Any peer may supply it, because
 * each blob is checked against its digest. Several peers are asked at once, each for as much as fits into one answer,
 * and asked again as soon as they have delivered. Content that a peer does not deliver in time is requested from
 * another.
 * @module
 */
import { holdersOf, missingBodies, type MissingBody } from "../ordering/bodies.ts";
import type { Digest, Millis, ReplicaId } from "../messages/ids.ts";
import type { FetchedBlob } from "../io.ts";
import type { Fetch } from "../messages/messages.ts";
import { executeCommitted } from "../ordering/execution.ts";
import { onBodies } from "../ordering/normal_case.ts";
import { nextNumber } from "../upkeep/numbering.ts";
import {
  type AvailablePeer,
  availablePeers,
  endOverdue,
  noteDelivery,
  noteEmptyAnswer,
  noteRequest,
  restsUntil,
} from "./peer_selection.ts";
import { onLoaded } from "./loaded.ts";
import { repair } from "../recovery/repair.ts";
import { onStateBlobs } from "./state_transfer.ts";
import { answersDueAt, createPeerRequests, type Fetches, setBackRequests } from "./peer_requests.ts";
import type { Step } from "../step.ts";

/** Content to fetch. */
interface Wanted {
  readonly digest: Digest;
  readonly kind: keyof Fetches["meanBytes"];
  /** Set for a body: its sequence number and digest. */
  readonly body?: MissingBody;
}

/** About how many bytes one answer should have. A correct peer sends more only if a single blob is larger. */
const ANSWER_BYTES = 1024 * 1024;
/** The most digests requested from one peer. */
const MAX_ASKED = 256;
/** The assumed size of a body or state blob before the first one arrives, bytes: 32 fit into an answer. */
const UNKNOWN_BYTES = ANSWER_BYTES / 32;

/** The state with no fetches. */
export function createFetches(): Fetches {
  const meanBytes = { body: UNKNOWN_BYTES, state: UNKNOWN_BYTES };
  return { ...createPeerRequests(), hasNews: false, lookAt: null, silentUntil: null, tried: new Map(), meanBytes };
}

/** At the end of each step: requests missing content from the peers that can be asked. */
export function fetchMissing(step: Step): void {
  const { fetches, bodies, damaged, transfer } = step.state;
  for (const [peer, digests] of endOverdue(step, fetches)) {
    for (const digest of digests) noteTried(step, digest, peer);
    fetches.hasNews = true;
  }
  const isDue = fetches.lookAt !== null && step.now >= fetches.lookAt;
  if (!fetches.hasNews && !isDue) return;
  fetches.hasNews = false;
  fetches.lookAt = null;
  if (bodies.size > 0 || transfer || damaged.size > 0) assign(step);
  for (const digest of fetches.tried.keys()) {
    if (!bodies.has(digest) && !transfer?.wanted.has(digest) && !damaged.has(digest)) fetches.tried.delete(digest);
  }
}

/** A peer was heard. If it seemed dead, it can now be asked for missing content. */
export function noteHeard(step: Step, peer: ReplicaId): void {
  const { status: { heardAt }, fetches } = step.state;
  if (fetches.lookAt !== null && (heardAt.get(peer) ?? -Infinity) < step.now - step.env.settings.statusIntervalMs) {
    fetches.hasNews = true;
  }
  heardAt.set(peer, step.now);
}

/** The clock was set back: moves all times back with it. */
export function setBackFetches(fetches: Fetches, back: (at: Millis) => Millis): void {
  setBackRequests(fetches, back);
  if (fetches.lookAt !== null) fetches.lookAt = back(fetches.lookAt);
  if (fetches.silentUntil !== null) fetches.silentUntil = back(fetches.silentUntil);
  for (const entry of fetches.tried.values()) entry.askAt = back(entry.askAt);
}

/** When to look again at the latest. */
export function fetchesAt({ state: { fetches } }: Step): Millis | null {
  const due = answersDueAt(fetches);
  return due === null || (fetches.lookAt !== null && fetches.lookAt < due) ? fetches.lookAt : due;
}

/** Blobs arrive from a peer. */
export function onBlobs(step: Step, from: ReplicaId, coming: readonly FetchedBlob[]): void {
  const { bodies, fetches } = step.state;
  const blobs = [...new Map(coming.map((blob) => [blob.digest, blob])).values()];
  const wanted = blobs.filter(({ digest, batch }) => batch && bodies.has(digest));
  const { rest, loaded } = repair(step, blobs.filter((blob) => !wanted.includes(blob)));
  const unwanted = onStateBlobs(step, rest);
  if (loaded.size > 0) onLoaded(step, loaded);
  if (step.hasEndedTransfer) executeCommitted(step);
  const count = blobs.length - unwanted.length;
  const asked = fetches.asked.get(from)?.what;
  const isDelivery = count > 0 || (asked ?? []).some((digest) => blobs.some((blob) => blob.digest === digest));
  if (asked && isAnswer(step, asked, blobs)) {
    if (isDelivery) noteDelivery(step, fetches, from);
    else noteEmptyAnswer(step, fetches, from, { rests: blobs.length > 0 });
    noteUndelivered(step, from, { asked, blobs });
  }
  for (const { digest } of blobs) fetches.tried.delete(digest);
  measure(fetches, "body", wanted);
  measure(fetches, "state", blobs.filter((blob) => !wanted.includes(blob) && !unwanted.includes(blob)));
  if (count > 0) noteHeard(step, from);
  for (const _ of unwanted) step.discard("blob", from, "not-wanted");
  fetches.hasNews = true;
  if (wanted.length > 0) onBodies(step, new Map(wanted.map(({ digest, batch }) => [digest, batch!])));
}

/**
 * Whether these blobs answer the present request to the peer, even with wrong content. They do not if they answer an
 * earlier request, or none.
 */
function isAnswer({ state }: Step, asked: readonly Digest[], blobs: readonly FetchedBlob[]): boolean {
  // An empty list stands for a request of before a restart, whose content is not known any more.
  if (asked.length === 0 || blobs.some(({ digest }) => asked.includes(digest))) return true;
  return !blobs.some(({ digest, batch }) => batch || digest === state.transfer?.digest || state.fetched.has(digest));
}

function measure({ meanBytes }: Fetches, kind: Wanted["kind"], blobs: readonly FetchedBlob[]): void {
  if (blobs.length === 0) return;
  meanBytes[kind] = Math.max(1, blobs.reduce((sum, { bytes }) => sum + bytes.length, 0) / blobs.length);
}

/** Notes the content that a peer did not send although its answer had room: it does not have it. */
function noteUndelivered(
  step: Step,
  from: ReplicaId,
  { asked, blobs }: { asked: readonly Digest[]; blobs: readonly FetchedBlob[] },
): void {
  const sent = new Set(blobs.map(({ digest }) => digest));
  const isFull = blobs.reduce((sum, { bytes }) => sum + bytes.length, 0) >= ANSWER_BYTES / 4;
  // An answer has the blobs in the order of the request.
  const end = isFull ? asked.findLastIndex((digest) => sent.has(digest)) : asked.length;
  for (const digest of asked.slice(0, end)) if (!sent.has(digest)) noteTried(step, digest, from);
}

function noteTried(step: Step, digest: Digest, peer: ReplicaId): void {
  const { statusIntervalMs, idleStatusMs } = step.env.settings;
  const { tried } = step.state.fetches;
  const entry = tried.get(digest) ?? { by: new Set(), askAt: -Infinity as Millis, delayMs: statusIntervalMs };
  tried.set(digest, entry);
  entry.by.add(peer);
  if (entry.by.size < step.n - 1) return;
  entry.by.clear();
  entry.askAt = step.now + entry.delayMs as Millis;
  entry.delayMs = Math.min(2 * entry.delayMs, idleStatusMs);
}

/** Requests the next missing content from each peer that can be asked. */
function assign(step: Step): void {
  const { fetches, status: { heardAt } } = step.state;
  if (heardAt.size === 0) {
    fetches.silentUntil ??= step.now + step.env.settings.statusIntervalMs as Millis;
    if (step.now < fetches.silentUntil) {
      fetches.lookAt = fetches.silentUntil;
      return;
    }
  }
  const outstanding = new Set([...fetches.asked.values()].flatMap(({ what }) => what));
  const all = wantedContents(step);
  const free = availablePeers(step, fetches);
  const recent = new Set([...fetches.asked.keys(), ...free.filter(({ isRecent }) => isRecent).map(({ peer }) => peer)]);
  /** Content for which the peers so far could not be asked. */
  let left: Wanted[] = [];
  for (const [index, source] of free.entries()) {
    const may = (wanted: Wanted) => mayAsk(step, wanted, { source, next: free.slice(index + 1), recent });
    left = askOne(step, source.peer, { may, outstanding, sources: [left.values(), all] });
  }
  const next = all.next();
  if (left.length > 0 || !next.done) fetches.lookAt = lookAt(step, left);
}

/** Asks one peer for the content that it may be asked for. Returns the rest of the list. */
function askOne(
  step: Step,
  peer: ReplicaId,
  { may, outstanding, sources }: {
    may: (wanted: Wanted) => boolean;
    outstanding: Set<Digest>;
    sources: readonly IterableIterator<Wanted>[];
  },
): Wanted[] {
  const digests: Digest[] = [];
  const left: Wanted[] = [];
  // More than the bodies that can be missing. So a primary that withholds bodies can't keep the state from being
  // fetched.
  const mostLeft = 2 * step.state.log.window + MAX_ASKED;
  let bytes = 0;
  for (const source of sources) {
    while (digests.length < MAX_ASKED && left.length < mostLeft && bytes < ANSWER_BYTES) {
      const { value: wanted, done } = source.next();
      if (done) break;
      if (outstanding.has(wanted.digest)) continue;
      if (!may(wanted)) {
        left.push(wanted);
        continue;
      }
      digests.push(wanted.digest);
      outstanding.add(wanted.digest);
      bytes += step.state.fetches.meanBytes[wanted.kind];
    }
  }
  left.push(...sources[0]!);
  if (digests.length === 0) return left;
  noteRequest(step, step.state.fetches, peer, digests);
  step.send(peer, step.env.sign<Fetch>({ kind: "fetch", replica: step.self, number: nextNumber(step), digests }));
  return left;
}

/** Whether this content is to be requested from this peer now. */
function mayAsk(
  step: Step,
  { digest, body }: Wanted,
  { source: { peer, isRecent }, next, recent }: {
    source: AvailablePeer;
    next: readonly AvailablePeer[];
    recent: ReadonlySet<ReplicaId>;
  },
): boolean {
  const tried = step.state.fetches.tried.get(digest);
  if (tried && (tried.by.has(peer) || step.now < tried.askAt)) return false;
  const isUntried = (other: ReplicaId) => !tried?.by.has(other);
  // Peers that seem dead come last.
  if (!isRecent) return ![...recent].some(isUntried);
  if (!body || next.length === 0) return true;
  const holders = holdersOf(step, body);
  return holders.has(peer) || !next.some((other) => other.isRecent && holders.has(other.peer) && isUntried(other.peer));
}

/** When a peer can be asked for the content for which none could be asked now. */
function lookAt(step: Step, left: readonly Wanted[]): Millis {
  const { fetches } = step.state;
  const times = left.map(({ digest }) => fetches.tried.get(digest)?.askAt ?? -Infinity).filter((at) => at > step.now);
  const rested = restsUntil(step, fetches);
  if (rested !== null) times.push(rested);
  const soon = step.now + step.env.settings.statusIntervalMs;
  return (times.length === 0 ? soon : Math.min(...times)) as Millis;
}

/**
 * All missing content, in this order: bodies to vote for, blobs of the state transfer, bodies to execute, damaged blobs.
 */
function* wantedContents(step: Step): Generator<Wanted> {
  const { transfer, loads, damaged } = step.state;
  const { toVote, toExecute } = missingBodies(step);
  for (const body of toVote) yield { digest: body.digest, kind: "body", body };
  // A generator, so that only as much is produced as is requested now: a large state has very many blobs.
  for (const digest of transfer?.wanted.keys() ?? []) if (!loads.has(digest)) yield { digest, kind: "state" };
  for (const body of toExecute) yield { digest: body.digest, kind: "body", body };
  for (const digest of damaged) yield { digest, kind: "state" };
}
