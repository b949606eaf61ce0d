/**
 * Choice of the peers that a replica asks for what it lacks. Any peer may have it, and any may be dead or lie. So
 * several peers are asked at once, each one thing at a time; each has a limited time to answer; and a peer that did not
 * deliver rests while others are asked.
 * @module
 */
import { type Millis, type ReplicaId, replicaId } from "../messages/ids.ts";
import type { Failures, PeerRequest, PeerRequests } from "./peer_requests.ts";
import type { Step } from "../step.ts";

/** A peer that can be asked now. */
export interface AvailablePeer {
  readonly peer: ReplicaId;
  /** Whether it was heard about as recently as any other peer, so that it is not dead. */
  readonly isRecent: boolean;
}

/** The time to answer, and the rest after a failure, begin at one status interval and grow to this many. */
const MAX_BACKOFF = 16;
/** A time before every clock's time. */
const BEFORE_ALL_TIMES = Number.MIN_SAFE_INTEGER;
/** A peer last heard this many status intervals before another one may be dead. */
const RECENT_INTERVALS = 4;

/** All other replicas. */
function peersOf(step: Step): readonly ReplicaId[] {
  return step.env.genesis.replicas.map((_, index) => replicaId(index)).filter((peer) => peer !== step.self);
}

/** Notes that a peer is asked now. */
export function noteRequest<T>(step: Step, requests: PeerRequests<T>, peer: ReplicaId, what: T): void {
  const timeoutMs = requests.timeouts.get(peer) ?? step.env.settings.statusIntervalMs;
  const until = Math.ceil(step.now + timeoutMs) as Millis;
  requests.asked.set(peer, { what, since: step.now, until });
}

/** After a restart: an earlier run may have asked any peer, so each has until `until` to answer. */
export function resumePeerRequests<T>(
  step: Step,
  requests: PeerRequests<T>,
  { what, until }: { what: T; until: Millis },
): void {
  requests.turn = turnAt(step.now);
  if (until <= step.now) return;
  for (const peer of peersOf(step)) requests.asked.set(peer, { what, since: step.now, until });
}

/** A peer has answered its request and delivered something. */
export function noteDelivery<T>(step: Step, requests: PeerRequests<T>, peer: ReplicaId): void {
  const since = requests.failed.get(peer)?.since ?? requests.asked.get(peer)?.since ?? step.now;
  requests.asked.delete(peer);
  requests.failed.delete(peer);
  const { statusIntervalMs } = step.env.settings;
  const timeoutMs = Math.min(2 * (step.now - since), MAX_BACKOFF * statusIntervalMs);
  requests.timeouts.set(peer, Math.max(statusIntervalMs, timeoutMs));
}

/**
 * A peer has answered its request but had nothing. Others are asked first now. `rests`: it is not asked for anything
 * else for a while.
 */
export function noteEmptyAnswer<T>(
  step: Step,
  requests: PeerRequests<T>,
  peer: ReplicaId,
  { rests }: { rests: boolean },
): void {
  const asked = requests.asked.get(peer);
  requests.asked.delete(peer);
  if (!asked) return;
  const restMs = rests ? restMsOf(step, requests.failed.get(peer)) : 0;
  noteFailure(step, requests, { peer, asked, restMs });
}

/** Ends the requests that were not answered in time. Returns the peers and what they were asked. */
export function endOverdue<T>(step: Step, requests: PeerRequests<T>): readonly (readonly [peer: ReplicaId, what: T])[] {
  if (requests.asked.size === 0) return [];
  const late = [...requests.asked].filter(([, { until }]) => step.now >= until);
  if (late.length === 0) return [];
  for (const [peer, asked] of late) {
    requests.asked.delete(peer);
    noteFailure(step, requests, { peer, asked, restMs: restMsOf(step, requests.failed.get(peer)) });
  }
  return late.map(([peer, { what }]) => [peer, what]);
}

/** How long a peer rests, ms. The rest doubles with each failure. */
function restMsOf({ env: { settings } }: Step, failures: Failures | undefined): number {
  return settings.statusIntervalMs * Math.min(2 ** (failures?.times ?? 0), MAX_BACKOFF);
}

function noteFailure<T>(
  step: Step,
  requests: PeerRequests<T>,
  { peer, asked, restMs }: { peer: ReplicaId; asked: PeerRequest<T>; restMs: number },
): void {
  const before = requests.failed.get(peer);
  const times = (before?.times ?? 0) + 1;
  requests.failed.set(peer, { times, since: before?.since ?? asked.since, restsUntil: step.now + restMs as Millis });
}

/**
 * The peers that can be asked now. First those heard recently; among these the ones with the fewest failures; among
 * these the ones heard last.
 */
export function availablePeers<T>(step: Step, { asked, failed, turn }: PeerRequests<T>): readonly AvailablePeer[] {
  const { heardAt } = step.state.status;
  const peers = peersOf(step);
  const lastHeard = (peer: ReplicaId) => heardAt.get(peer) ?? BEFORE_ALL_TIMES;
  const latest = Math.max(...peers.map(lastHeard));
  const recentMs = RECENT_INTERVALS * step.env.settings.statusIntervalMs;
  const isRecent = (peer: ReplicaId) => latest === BEFORE_ALL_TIMES || lastHeard(peer) > latest - recentMs;
  return peers
    .filter((peer) => !asked.has(peer) && step.now >= (failed.get(peer)?.restsUntil ?? -Infinity))
    .map((peer) => ({ peer, isRecent: isRecent(peer) }))
    .sort((a, b) =>
      Number(b.isRecent) - Number(a.isRecent) ||
      (failed.get(a.peer)?.times ?? 0) - (failed.get(b.peer)?.times ?? 0) ||
      lastHeard(b.peer) - lastHeard(a.peer) ||
      (a.peer + turn) % step.n - (b.peer + turn) % step.n
    );
}

/** When the first resting peer can be asked again; `null` if none rests. */
export function restsUntil<T>(step: Step, { failed }: PeerRequests<T>): Millis | null {
  let at: Millis | null = null;
  for (const { restsUntil: until } of failed.values()) if (until > step.now && (at === null || until < at)) at = until;
  return at;
}

/**
 * The `turn` at a host that starts this replica anew for each message. Such a replica remembers no failures and might
 * ask a dead peer first for ever. The turn changes each second, and out of step with any clock that starts the host.
 */
function turnAt(now: Millis): number {
  const mixed = Math.imul(Math.floor(now / 1_000) | 0, 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 16;
}
