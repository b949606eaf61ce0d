/**
 * The state of one replica, and the step, which alone changes it.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "./messages/ids.ts";
import type { Freshness } from "./upkeep/freshness.ts";
import type { ClientTable } from "./clients/client_table.ts";
import type { Evidence } from "./messages/evidence.ts";
import type { SignedQuery } from "./messages/queries.ts";
import type { LostDisk } from "./records.ts";
import type { MessageLog } from "./ordering/message_log.ts";
import type { Checkpoint, NewView, Signed, Status, Suspicion, Verified, ViewChange } from "./messages/messages.ts";
import type { EpochState } from "./epochs/pending.ts";
import type { PendingRequests } from "./ordering/pending_requests.ts";
import type { RefusedRequests } from "./clients/refused_requests.ts";
import type { RetiredBlobs } from "./sealing/retired_blobs.ts";
import type { Allowance } from "./upkeep/allowance.ts";
import type { Sealing } from "./sealing/state.ts";
import type { StateTree } from "./tree/state_tree.ts";
import type { Fetches, LogRequests } from "./checkpoints/peer_requests.ts";
import type { Load, Transfer } from "./checkpoints/transfer.ts";

/** Everything that a replica knows. Each field's comment is its invariant. */
export interface ReplicaState {
  /** The view that the replica is in, or moves to. It never falls. */
  view: View;
  /** Its own view-change for `view`, durable before it is sent. From then on it votes in no lower view. */
  viewChange: Verified<Signed<ViewChange>> | null;
  /** The new-view that started `view`; `null` while the replica waits for it, and in view 0. */
  newView: Verified<Signed<NewView>> | null;
  /** The view-change of the highest view of each replica, if that is not below `view`. */
  readonly viewChanges: Map<ReplicaId, Verified<Signed<ViewChange>>>;
  readonly suspicion: ViewTimer;
  readonly leaving: Leaving;
  /** The slots in (h, H], where h is the last stable checkpoint. */
  readonly log: MessageLog;
  /** h <= lastExecuted <= H, except during a state transfer. */
  lastExecuted: SequenceNumber;
  /** Hash chain over the executed batches' digests. */
  history: Digest;
  /** The time that operations see. It never falls. */
  agreedTime: Millis;
  /** The estimate of the agreed time between batches. */
  readonly clock: AgreedClock;
  readonly clients: ClientTable;
  readonly pending: PendingRequests;
  readonly refused: RefusedRequests;
  /** The highest number proposed or accepted in this view; at least lastExecuted when the replica proposes. */
  lastProposed: SequenceNumber;
  /** The state as of the last checkpoint taken. */
  readonly tree: StateTree;
  readonly retired: RetiredBlobs;
  /** Blobs that are being read from the store. */
  readonly loads: Map<Digest, Load>;
  /** The checkpoint that is being taken in slices, at the last multiple of K executed. */
  sealing: Sealing | null;
  /** When the next slice is to be made, and old blobs dropped, if there are any. */
  sliceAt: Millis;
  /** How many old blobs are dropped at a time. */
  dropping: number;
  /**
   * The multiple of K at which the state machine last failed to give its state; `null` if it can. From there on each
   * operation is rejected until it can again. All replicas decide alike, because the machine is deterministic.
   */
  unsealed: SequenceNumber | null;
  /**
   * The numbers up to here were executed before the start, so their requests were answered then. Only requests that are
   * pending now are answered when these numbers are executed again.
   */
  answeredThrough: SequenceNumber;
  /** The roots of this replica's own checkpoints above h, by number. */
  readonly ownCheckpoints: Map<SequenceNumber, Digest>;
  /** Checkpoint messages by number and sender: all within (h, H], and the highest one above of each sender. */
  readonly checkpoints: Map<SequenceNumber, Map<ReplicaId, Verified<Signed<Checkpoint>>>>;
  /** The certificate of the stable checkpoint at h; empty if h is 0. */
  stable: readonly Verified<Signed<Checkpoint>>[];
  /** A stable certificate above lastExecuted, to which this replica must catch up; `null` if none is known. */
  ahead: readonly Verified<Signed<Checkpoint>>[] | null;
  /** The stored blobs that an unfinished state transfer has fetched, or an unfinished checkpoint has made, also before a restart. */
  readonly fetched: Set<Digest>;
  /** The state transfer in progress. Nothing is executed meanwhile. */
  transfer: Transfer | null;
  /** Set while the replica recovers from a lost disk: it does not know all that it has sent, and votes in nothing. */
  lostDisk: LostDisk | null;
  /** Set while the replica, just started, waits for the others to return its messages. */
  asking: OwnMessagesRequest | null;
  readonly filling: LogFilling;
  readonly status: StatusTimer;
  /** The digests of missing bodies, and perhaps of some that are not missing any more. */
  readonly bodies: Set<Digest>;
  /** Blobs of the present state that are damaged in the store, to be fetched. */
  readonly damaged: Set<Digest>;
  readonly fetches: Fetches;
  readonly logRequests: LogRequests;
  readonly numbering: Numbering;
  /** Until when answers to requests of before a restart may arrive; 0 if there were none. */
  askedUntil: Millis;
  /** The numbers whose pre-prepare waits because its timestamp is above the ceiling. */
  readonly early: Set<SequenceNumber>;
  readonly epochs: EpochState;
  /** Contradictions of other replicas. */
  readonly evidence: Evidence;
  /** Unanswered queries, in their order of arrival. */
  readonly queries: WaitingQuery[];
}

/** The view-change timer. Its times are in {@linkcode ViewTimer.awakeMs}. */
export interface ViewTimer {
  /** Time awake: how long this replica has been awake since its start, ms. It never falls. */
  awakeMs: number;
  /** The clock at the last step. */
  steppedAt: Millis | null;
  /** When the timer fires; `null` if it is stopped. */
  dueAt: number | null;
  /**
   * The latest time to which hearing from the primary, or the next one, can put that off; `null` if it was not heard.
   */
  dueAtLatest: number | null;
  /** At whose address nothing listened when this replica last tried; `null` once it was heard again. It is not stored. */
  refusedBy: ReplicaId | null;
  /** The timeout, ms. It doubles with each view that fails, until something is executed again. */
  timeoutMs: number;
  /** lastExecuted when progress was last checked. Progress restarts the timer. */
  executed: SequenceNumber;
  /** The time from acceptance to commit at this replica, mean and deviation, ms; `null` if nothing was measured yet. */
  roundMs: number | null;
  deviationMs: number;
  /**
   * How long a commit to this replica's own store takes, ms; 0 if unknown. It is not stored; after a restart the host
   * measures again.
   */
  commitMs: number;
}

/** The status timer, and what the others have reported of themselves. */
export interface StatusTimer {
  /** When the next status is due. */
  dueAt: Millis;
  /** The delay after it until the following one. It doubles while nothing moves. */
  delayMs: number;
  /** lastExecuted when the last status was due. */
  executed: SequenceNumber;
  /** Whether something was outstanding after the last step. */
  busy: boolean;
  /** The last executed number that each replica has reported. */
  readonly heard: Map<ReplicaId, SequenceNumber>;
  /** When a message of each replica itself last arrived. */
  readonly heardAt: Map<ReplicaId, Millis>;
  /** The rest of each replica's allowance of answers. */
  readonly allowances: Map<ReplicaId, Allowance>;
  /** The numbers of the statuses received from each replica. */
  readonly freshness: Map<ReplicaId, Freshness>;
  /** For each replica the highest view of its messages that was answered with the new-view. */
  readonly newViewSentFor: Map<ReplicaId, View>;
  /** When each replica was last sent the new-view. */
  readonly newViewSentAt: Map<ReplicaId, Millis>;
  /** When each replica was last reminded of the numbers that it has used. */
  readonly remindedAt: Map<ReplicaId, Millis>;
}

/** A replica's estimate of the agreed time, and its watch over the primary's timestamps. */
export interface AgreedClock {
  /**
   * Elapsed time: how long this replica has seen time pass since its start, ms. It never falls. One step adds a few
   * seconds at most.
   */
  elapsedMs: number;
  /** The clock at the last step, or the monotonic clock if the host has one. */
  steppedAt: number | null;
  /** The estimated agreed time, with fractions, at least the executed agreed time; `null` if nothing is agreed yet. */
  estimate: number | null;
  /** How far a timestamp may run ahead of the estimate, ms. */
  credit: number;
  /** The stored difference between estimate and clock, ms. */
  savedOffset: number;
  /** Whether only the clock has measured the time before this start, and nothing has shown since that it was right. */
  isUnsure: boolean;
  watch: ProgressWatch | null;
}

/** A backup's watch over the timestamps of its view's primary. */
interface ProgressWatch {
  readonly view: View;
  /** Where the watch began, in {@linkcode AgreedClock.elapsedMs} and in agreed time. */
  fromMs: number;
  from: number;
  /** The highest timestamp so far. */
  latest: number;
  /** How many batches in a row lagged, and since when. */
  lagging: number;
  laggingSinceMs: number;
}

/** Announcements about leaving views: this replica's own and those of the others. */
export interface Leaving {
  /** This replica's last suspicion, and the highest view of all its suspicions. Durable before they are sent. */
  own: Verified<Signed<Suspicion>> | null;
  furthest: View;
  /** When this replica announced it, in time awake. */
  announcedAt: number;
  /** When this replica last left a view, or entered one, in time awake. */
  changedAt: number;
  /** The last suspicion of each replica, if it is about a view above the present one. */
  readonly heard: Map<ReplicaId, Verified<Signed<Suspicion>>>;
  /** The highest view that each of the others is in or moves to, as its signed messages show. */
  readonly views: Map<ReplicaId, View>;
  /**
   * The last hand-over that each of the others was granted: to which view, and when, in elapsed time of this replica;
   * and how many of those that it was granted led to a view that failed.
   */
  readonly granted: Map<ReplicaId, { readonly view: View; readonly at: number; readonly failed: number }>;
  /** The last hand-over to which this replica agreed only because others did: to which view, and when, in elapsed time. */
  joined: { readonly view: View; readonly at: number } | null;
}

/**
 * The log filling: up to which number the primary is to fill the log, when it was last asked to for each replica, and
 * since when the present primary has known.
 */
export interface LogFilling {
  through: SequenceNumber;
  readonly askedAt: Map<ReplicaId, Millis>;
  /** Each replica's highest wish that came too soon after its last one. */
  readonly wanted: Map<ReplicaId, Verified<Signed<Status>>>;
  /** The status that asked for it; `null` if none did. */
  request: Verified<Signed<Status>> | null;
  since: Millis;
}

/** The state of a replica that has just started and waits for answers. */
export interface OwnMessagesRequest {
  /** The answers echo it: only answers to a question after the start count. */
  readonly challenge: Millis;
  /** The peers that have answered. */
  readonly answered: Set<ReplicaId>;
}

/** Which numbers may have been used. */
export interface Numbering {
  /** The next number; 0 if none was used in this run. */
  next: number;
  /** The stored upper bound: no number above it was ever used. */
  through: number;
  /**
   * The highest own number that each peer says it has received, while this replica does not know which numbers it has
   * used.
   */
  readonly seen: Map<ReplicaId, number>;
}

/** A query that waits until this replica has executed far enough, or until the state that it needs is loaded. */
export interface WaitingQuery {
  readonly query: Verified<SignedQuery>;
  /**
   * The number to execute before the answer: when the query came, the highest that had prepared here or was known to be
   * committed.
   */
  readonly through: SequenceNumber;
  /**
   * When the query is given up as `too-late`. A prepared number may stay open after a view change until there is work
   * to order.
   */
  readonly until: Millis;
  /** Whether the chunks that it needs are being read from the store. */
  isLoading: boolean;
  /** Blobs that it needs: it is looked at again when they have arrived. */
  readonly awaits: Digest[];
}
