/**
 * Whom a replica asks for what it lacks. Any peer may have it, dead or lying ones too: each peer is asked one thing at a time and has some
 * patience to deliver it, several peers are asked at once, and whoever did not deliver rests while others are asked.
 * @module
 */
import { type Millis, type ReplicaId, replicaId } from "../messages/ids.ts";
import type { Asked, Asking, Failures } from "./asking.ts";
import type { Step } from "../step.ts";

/** A peer that can be asked now. */
export interface Source {
  readonly peer: ReplicaId;
  /** It was heard about as late as anybody: it is not dead. */
  readonly isRecent: boolean;
}

/** Patience, and rest, are at most so many times the status interval, with which they begin. */
const MOST_PATIENCE = 16;
/** Long before every clock's time. */
const NEVER = Number.MIN_SAFE_INTEGER;
/** A peer that was heard so many status intervals before another one is perhaps dead. */
const RECENT_INTERVALS = 4;

/** All others. */
function peersOf(step: Step): readonly ReplicaId[] {
  return step.env.genesis.replicas.map((_, index) => replicaId(index)).filter((peer) => peer !== step.self);
}

/** Notes that a peer is asked something now. */
export function noteAsked<T>(step: Step, asking: Asking<T>, peer: ReplicaId, what: T): void {
  const patienceMs = asking.patience.get(peer) ?? step.env.settings.statusIntervalMs;
  const until = Math.ceil(step.now + patienceMs) as Millis;
  asking.asked.set(peer, { what, since: step.now, until });
}

/** After a restart: everybody may have been asked in the life before, and has until then to answer. */
export function resumeAsking<T>(step: Step, asking: Asking<T>, { what, until }: { what: T; until: Millis }): void {
  asking.turn = turnAt(step.now);
  if (until <= step.now) return;
  for (const peer of peersOf(step)) asking.asked.set(peer, { what, since: step.now, until });
}

/** A peer has answered what it was asked, and delivered something. */
export function noteDelivery<T>(step: Step, asking: Asking<T>, peer: ReplicaId): void {
  const since = asking.failed.get(peer)?.since ?? asking.asked.get(peer)?.since ?? step.now;
  asking.asked.delete(peer);
  asking.failed.delete(peer);
  const { statusIntervalMs } = step.env.settings;
  const patienceMs = Math.min(2 * (step.now - since), MOST_PATIENCE * statusIntervalMs);
  asking.patience.set(peer, Math.max(statusIntervalMs, patienceMs));
}

/** A peer has answered what it was asked, but has nothing: others come first now. `rests`: it is not to be asked anything else so soon. */
export function noteEmptyAnswer<T>(
  step: Step,
  asking: Asking<T>,
  peer: ReplicaId,
  { rests }: { rests: boolean },
): void {
  const asked = asking.asked.get(peer);
  asking.asked.delete(peer);
  if (!asked) return;
  const restMs = rests ? restMsOf(step, asking.failed.get(peer)) : 0;
  noteFailure(step, asking, { peer, asked, restMs });
}

/** Gives the peers that have not answered in time, and what they were asked. */
export function giveUp<T>(step: Step, asking: Asking<T>): readonly (readonly [peer: ReplicaId, what: T])[] {
  const late = [...asking.asked].filter(([, { until }]) => step.now >= until);
  if (late.length === 0) return [];
  for (const [peer, asked] of late) {
    asking.asked.delete(peer);
    noteFailure(step, asking, { peer, asked, restMs: restMsOf(step, asking.failed.get(peer)) });
  }
  return late.map(([peer, { what }]) => [peer, what]);
}

/** The longer the more often it has failed. */
function restMsOf({ env: { settings } }: Step, failures: Failures | undefined): number {
  return settings.statusIntervalMs * Math.min(2 ** (failures?.times ?? 0), MOST_PATIENCE);
}

function noteFailure<T>(
  step: Step,
  asking: Asking<T>,
  { peer, asked, restMs }: { peer: ReplicaId; asked: Asked<T>; restMs: number },
): void {
  const before = asking.failed.get(peer);
  const times = (before?.times ?? 0) + 1;
  asking.failed.set(peer, { times, since: before?.since ?? asked.since, restsUntil: step.now + restMs as Millis });
}

/** Who can be asked now: first who was heard of late, of these who failed the least, and of these who was heard last. */
export function freeSources<T>(step: Step, { asked, failed, turn }: Asking<T>): readonly Source[] {
  const { heardAt } = step.state.status;
  const peers = peersOf(step);
  const lastHeard = (peer: ReplicaId) => heardAt.get(peer) ?? NEVER;
  const latest = Math.max(...peers.map(lastHeard));
  const recentMs = RECENT_INTERVALS * step.env.settings.statusIntervalMs;
  const isRecent = (peer: ReplicaId) => latest === NEVER || lastHeard(peer) > latest - recentMs;
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

/** When the first of those who rest may be asked again; `null`: nobody rests. */
export function restsUntil<T>(step: Step, { failed }: Asking<T>): Millis | null {
  let at: Millis | null = null;
  for (const { restsUntil: until } of failed.values()) if (until > step.now && (at === null || until < at)) at = until;
  return at;
}

/**
 * Whose turn it is at a host that is started anew for what comes: it remembers no failures, and might ask a dead peer first for ever. It
 * changes with each second, in no step with any clock that starts the host.
 */
function turnAt(now: Millis): number {
  const mixed = Math.imul(Math.floor(now / 1_000) | 0, 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 16;
}
