/**
 * What others were asked for, and who has failed to answer: the data. Whom to ask next is decided in sources.ts.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../messages/ids.ts";

/** What one peer was asked. */
export interface Asked<T> {
  readonly what: T;
  readonly since: Millis;
  readonly until: Millis;
}

/** How a peer has failed since it last delivered. */
export interface Failures {
  readonly times: number;
  /** When it was asked first of what it has not answered. */
  readonly since: Millis;
  readonly restsUntil: Millis;
}

/** What was asked of whom. */
export interface Asking<T> {
  /** What has not been answered yet: one thing of each peer. */
  readonly asked: Map<ReplicaId, Asked<T>>;
  readonly failed: Map<ReplicaId, Failures>;
  /** How long each peer has to answer, ms: as long as its last answer took, and more, so that a slow one is not taken for a dead one. */
  readonly patience: Map<ReplicaId, number>;
  /** Who comes first of those of whom nothing is known. */
  turn: number;
}

/** Nothing was asked yet. */
export function createAsking<T>(): Asking<T> {
  return { asked: new Map(), failed: new Map(), patience: new Map(), turn: 0 };
}

/** When the first of those who were asked has had its time; `null`: nobody was. */
export function answersDueAt<T>({ asked }: Asking<T>): Millis | null {
  let at: Millis | null = null;
  for (const { until } of asked.values()) if (at === null || until < at) at = until;
  return at;
}

/** When the last of those who were asked has had its time; 0: nobody was. */
export function lastAnswerDueAt({ asked }: Pick<Asking<unknown>, "asked">): number {
  let at = 0;
  for (const { until } of asked.values()) at = Math.max(at, until);
  return at;
}

/** The clock was set back: what was due is as far away as before. */
export function setBackAsking<T>({ asked, failed }: Asking<T>, back: (at: Millis) => Millis): void {
  for (const [peer, { what, since, until }] of asked) asked.set(peer, { what, since: back(since), until: back(until) });
  for (const [peer, { times, since, restsUntil }] of failed) {
    failed.set(peer, { times, since: back(since), restsUntil: back(restsUntil) });
  }
}

/** What is being fetched. */
export interface Fetches extends Asking<readonly Digest[]> {
  /** Something is wanted, or somebody can be asked, since it was looked at last. */
  hasNews: boolean;
  /** When to look again, although nothing has happened; `null`: all that is wanted was asked for. */
  lookAt: Millis | null;
  /** After a start the others are told where this replica is: until then it waits to hear who lives. `null`: it has not waited yet. */
  silentUntil: Millis | null;
  /** What somebody did not have. */
  readonly tried: Map<Digest, Tried>;
  /** Bytes of a body, and of a part of the state, as they were of late: how many fit into an answer. */
  readonly meanBytes: { body: number; state: number };
}

/** Content that was asked for in vain. */
interface Tried {
  /** Of whom, since everybody was asked last. */
  readonly by: Set<ReplicaId>;
  /** When everybody has been asked it rests until then, longer each time. */
  askAt: Millis;
  delayMs: number;
}

/** Who was asked for the log, and up to where it was known then. */
export type LogRequests = Asking<SequenceNumber>;
