/**
 * The state of one replica, and the step in which alone it changes.
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
import type { PendingRequests } from "./ordering/pending_requests.ts";
import type { RefusedRequests } from "./clients/refused_requests.ts";
import type { RetiredBlobs } from "./checkpoints/retired_blobs.ts";
import type { Allowance } from "./upkeep/allowance.ts";
import type { ChunkChange, StateTree } from "./tree/state_tree.ts";
import type { Fetches, LogRequests } from "./checkpoints/asking.ts";
import type { Load, Transfer } from "./checkpoints/transfer.ts";

/** Everything that a replica knows. Each field's comment is its invariant. */
export interface ReplicaState {
  /** The view that it is in or is moving to. Only grows. */
  view: View;
  /** Its own view-change for `view`, durable before it is sent; from then on it votes in no view below. */
  viewChange: Verified<Signed<ViewChange>> | null;
  /** What started `view`; `null` while it waits for that, and in view 0. */
  newView: Verified<Signed<NewView>> | null;
  /** Of each replica the view-change of the highest view, if not below `view`. */
  readonly viewChanges: Map<ReplicaId, Verified<Signed<ViewChange>>>;
  readonly suspicion: SuspicionTimer;
  readonly leaving: Leaving;
  /** Slots in (h, H]; h is the last stable checkpoint. */
  readonly log: MessageLog;
  /** h <= lastExecuted <= H, unless a state transfer is under way. */
  lastExecuted: SequenceNumber;
  /** Hash chain over the executed batches' digests. */
  history: Digest;
  /** Never falls; what operations see as the time. */
  agreedTime: Millis;
  /** What it takes the agreed time to be between batches. */
  readonly clock: AgreedClock;
  readonly clients: ClientTable;
  readonly pending: PendingRequests;
  readonly refused: RefusedRequests;
  /** The highest number that this replica has proposed or accepted in this view; at least lastExecuted when it proposes. */
  lastProposed: SequenceNumber;
  /** The state as of the last checkpoint taken. */
  readonly tree: StateTree;
  readonly retired: RetiredBlobs;
  /** What is being read from the store. */
  readonly loads: Map<Digest, Load>;
  /** The checkpoint at lastExecuted that waits for what is being read: the chunks that changed, `null` once the tree has them. */
  sealing: { readonly ids: readonly string[]; changes: readonly ChunkChange[] | null } | null;
  /**
   * The multiple of K at which the state machine last failed to give its state: from there on each operation is rejected, until it can.
   * Deterministic, as the machine is. `null`: it can.
   */
  unsealed: SequenceNumber | null;
  /** The numbers up to here were executed before the start, and whoever waited then has been answered; not whoever asks since. */
  answeredThrough: SequenceNumber;
  /** This replica's own checkpoints above h: number -> root. */
  readonly ownCheckpoints: Map<SequenceNumber, Digest>;
  /** Checkpoint messages by number, then sender: those within (h, H], and of each sender the highest above. */
  readonly checkpoints: Map<SequenceNumber, Map<ReplicaId, Verified<Signed<Checkpoint>>>>;
  /** The certificate of the checkpoint at h; empty at the start. */
  stable: readonly Verified<Signed<Checkpoint>>[];
  /** A stable certificate above lastExecuted: where the others are. */
  ahead: readonly Verified<Signed<Checkpoint>>[] | null;
  /** What a state transfer has fetched that is not over, in this life of the replica or before: it is stored. */
  readonly fetched: Set<Digest>;
  /** The state transfer that is under way. Nothing executes meanwhile. */
  transfer: Transfer | null;
  /** It does not know all that it has said: it votes in nothing. `null`: it does. */
  lostDisk: LostDisk | null;
  /** It has started, and waits for what the others have of it; `null`: it has that, or does not ask. */
  asking: Asking | null;
  readonly filling: LogFilling;
  readonly status: StatusTimer;
  /** The digests of bodies that are missing, and perhaps of some that were. */
  readonly bodies: Set<Digest>;
  readonly fetches: Fetches;
  readonly logRequests: LogRequests;
  readonly numbering: Numbering;
  /** Until when an earlier life of this replica waited for what it had asked for; 0: it had not. */
  askedUntil: Millis;
  /** The numbers whose pre-prepare is ahead of what the agreed time can be. */
  readonly early: Set<SequenceNumber>;
  /** By which others have contradicted themselves. */
  readonly evidence: Evidence;
  /** Queries that are not answered yet, in the order in which they came. */
  readonly queries: WaitingQuery[];
}

/** When to leave the view. Times are in {@linkcode SuspicionTimer.awakeMs}. */
export interface SuspicionTimer {
  /** How long this replica has been awake since its start. Only grows. */
  awakeMs: number;
  /** The clock at the last step. */
  steppedAt: Millis | null;
  /** `null`: nothing is waited for. */
  dueAt: number | null;
  /** How far hearing from the primary, or from the next one, may put that off; `null`: it hasn't been heard since the waiting began. */
  dueAtLatest: number | null;
  /** Grows with each view that fails, until something is executed again. */
  timeoutMs: number;
  /** lastExecuted when it was looked at last: progress sets it anew. */
  executed: SequenceNumber;
  /** How long it takes from acceptance to commit here, mean and deviation, ms; `null`: nothing was measured yet. */
  roundMs: number | null;
  deviationMs: number;
  /** How long a commit to this replica's own store takes, ms; 0: nothing is known. Not kept: a new life is told anew. */
  commitMs: number;
}

/** When to say where we are, and what the others said of themselves. */
export interface StatusTimer {
  /** When the next status message is due. */
  dueAt: Millis;
  /** How long after that one the next: doubles while nothing moves. */
  delayMs: number;
  /** lastExecuted when the last one was due. */
  executed: SequenceNumber;
  /** Whether something was outstanding after the last step. */
  busy: boolean;
  /** The highest number that each replica says it has executed. */
  readonly heard: Map<ReplicaId, SequenceNumber>;
  /** When something last came from each replica itself. */
  readonly heardAt: Map<ReplicaId, Millis>;
  /** What each replica may still be answered with. */
  readonly allowances: Map<ReplicaId, Allowance>;
  /** Which statuses of each replica came. */
  readonly freshness: Map<ReplicaId, Freshness>;
  /** The highest view of each replica's view-changes that was answered with what started the view. */
  readonly toldFor: Map<ReplicaId, View>;
  /** When each replica was last sent what started the view. */
  readonly toldAt: Map<ReplicaId, Millis>;
}

/** A replica's idea of the agreed time, and of its primary's. */
export interface AgreedClock {
  /** How long this replica has seen time pass since its start, ms. Only grows. Never by more at once than {@linkcode maxGapMs}. */
  elapsedMs: number;
  /** The clock at the last step, or what had passed, if the host can tell. */
  steppedAt: number | null;
  /** What the agreed time is now, with fractions; `null`: nothing is agreed. At least the agreed time that was executed. */
  estimate: number | null;
  /** How far the agreed time may run ahead of the estimate, ms. */
  credit: number;
  /** What is known to the store of how far the estimate is from the clock, ms. */
  savedOffset: number;
  watch: ProgressWatch | null;
}

/** What a backup has seen of the timestamps of its view's primary. */
interface ProgressWatch {
  readonly view: View;
  /** Where the watch began, in {@linkcode AgreedClock.elapsedMs} and in agreed time. */
  fromMs: number;
  from: number;
  /** The highest so far. */
  latest: number;
  /** Batches in a row by which agreed time lagged, and since when. */
  lagging: number;
  laggingSinceMs: number;
}

/** What is said of leaving. */
export interface Leaving {
  /** This replica's own last word, and the furthest view of all its words. Durable before it is sent. */
  own: Verified<Signed<Suspicion>> | null;
  furthest: View;
  /** When it said that, in time awake. */
  saidAt: number;
  /** When it last left a view, in time awake. */
  movedAt: number;
  /** The last word of each replica that is about a view to come. */
  readonly heard: Map<ReplicaId, Verified<Signed<Suspicion>>>;
  /** The highest view that each of the others has shown to be in, or on its way to, by what it signed. */
  readonly views: Map<ReplicaId, View>;
  /** To which view each of the others was granted a hand-over last, and when that was, in the time that has passed here. */
  readonly granted: Map<ReplicaId, { readonly view: View; readonly at: number }>;
}

/** How far the primary is to fill the log, for whom it was to do so when, and since when the present one has known. */
export interface LogFilling {
  through: SequenceNumber;
  readonly askedAt: Map<ReplicaId, Millis>;
  /** Of each replica the most that it wants, where it asked too soon after another time. */
  readonly wanted: Map<ReplicaId, Verified<Signed<Status>>>;
  /** Who asked for it; `null`: nobody. */
  request: Verified<Signed<Status>> | null;
  since: Millis;
}

/** What a replica that has just started waits for. */
export interface Asking {
  /** What the answers echo: only what was sent after the start counts. */
  readonly challenge: Millis;
  /** Those who have answered. */
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
}
