/**
 * The data of requests to peers: what each was asked for, and which ones failed to answer. peer_selection.ts chooses the peer
 * to ask next.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../messages/ids.ts";

/** The request to one peer. */
export interface PeerRequest<T> {
  readonly what: T;
  readonly since: Millis;
  readonly until: Millis;
}

/** The failures of a peer since it last delivered. */
export interface Failures {
  readonly times: number;
  /** When the first request was sent that it has not answered. */
  readonly since: Millis;
  readonly restsUntil: Millis;
}

/** The requests to peers, and how the peers answered. */
export interface PeerRequests<T> {
  /** Unanswered requests, at most one per peer. */
  readonly asked: Map<ReplicaId, PeerRequest<T>>;
  readonly failed: Map<ReplicaId, Failures>;
  /**
   * How long each peer has to answer, ms: twice as long as its last answer took, so that a slow peer is not taken for a
   * dead one.
   */
  readonly timeouts: Map<ReplicaId, number>;
  /** Decides which peer comes first among those about which nothing is known. */
  turn: number;
}

/** The state with no requests. */
export function createPeerRequests<T>(): PeerRequests<T> {
  return { asked: new Map(), failed: new Map(), timeouts: new Map(), turn: 0 };
}

/** When the first request runs out of time; `null` if there is none. */
export function answersDueAt<T>({ asked }: PeerRequests<T>): Millis | null {
  let at: Millis | null = null;
  for (const { until } of asked.values()) if (at === null || until < at) at = until;
  return at;
}

/** When the last request runs out of time; 0 if there is none. */
export function lastAnswerDueAt({ asked }: Pick<PeerRequests<unknown>, "asked">): number {
  let at = 0;
  for (const { until } of asked.values()) at = Math.max(at, until);
  return at;
}

/** The clock was set back: moves all times back with it. */
export function setBackRequests<T>({ asked, failed }: PeerRequests<T>, back: (at: Millis) => Millis): void {
  for (const [peer, { what, since, until }] of asked) asked.set(peer, { what, since: back(since), until: back(until) });
  for (const [peer, { times, since, restsUntil }] of failed) {
    failed.set(peer, { times, since: back(since), restsUntil: back(restsUntil) });
  }
}

/** The fetches in progress. */
export interface Fetches extends PeerRequests<readonly Digest[]> {
  /** Whether content has become wanted, or a peer can be asked, since the last look. */
  hasNews: boolean;
  /** When to look again although nothing has happened; `null` if all wanted content is being fetched. */
  lookAt: Millis | null;
  /** Until when this replica waits after its start to hear which peers are alive; `null` if it has not waited yet. */
  silentUntil: Millis | null;
  /** Content that some peer did not have. */
  readonly tried: Map<Digest, Tried>;
  /** The mean size of recent bodies and of recent state blobs, bytes. It says how many fit into an answer. */
  readonly meanBytes: { body: number; state: number };
}

/** Content that was requested in vain. */
interface Tried {
  /** The peers that did not have it, since all peers were last tried. */
  readonly by: Set<ReplicaId>;
  /** When all peers were tried, it is not requested again before this time. The delay doubles each time. */
  askAt: Millis;
  delayMs: number;
}

/** The peers that were asked for the log, and the number up to which it was decided here at that time. */
export type LogRequests = PeerRequests<SequenceNumber>;
