/**
 * The state of one replica, and the step in which alone it changes.
 * @module
 */
import type { AgreedClock } from "./ordering/agreed_time.ts";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "./messages/ids.ts";
import type { Fetches } from "./checkpoints/fetches.ts";
import type { Freshness } from "./upkeep/freshness.ts";
import type { Numbering } from "./upkeep/numbering.ts";
import type { ClientTable } from "./clients/client_table.ts";
import type { Evidence } from "./messages/evidence.ts";
import type { DiscardReason, Event } from "./events.ts";
import type { Environment, Offer, Outgoing, OutgoingReply, Ready } from "./io.ts";
import type { Leaving } from "./views/leaving.ts";
import type { Load } from "./checkpoints/loading.ts";
import type { LogFilling, LostDisk } from "./recovery/lost_disk.ts";
import type { Asking } from "./recovery/own_words.ts";
import type { WaitingQuery } from "./upkeep/queries.ts";
import type { QueryAnswer } from "./messages/queries.ts";
import type { Record } from "./records.ts";
import type { MessageLog } from "./ordering/message_log.ts";
import type { Batch, Checkpoint, MessageKind, NewView, Signed, Verified, ViewChange } from "./messages/messages.ts";
import type { PendingRequests } from "./ordering/pending_requests.ts";
import { maxFaulty, primaryOf, quorum } from "./messages/quorum.ts";
import type { RefusedRequests } from "./clients/refused_requests.ts";
import type { RetiredBlobs } from "./checkpoints/retired_blobs.ts";
import type { Allowance } from "./upkeep/allowance.ts";
import type { LogRequests } from "./checkpoints/log_requests.ts";
import type { ChunkChange, StateTree } from "./tree/state_tree.ts";
import type { Transfer } from "./checkpoints/state_transfer.ts";

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

type StageEvent = Extract<Event, { kind: "stage" }>;

/** A replica in a step: its state, its services, the time, and what the step wants done. */
export class Step {
  readonly n: number;
  readonly f: number;
  readonly quorum: number;
  readonly #records: Record[] = [];
  readonly #messages: Outgoing[] = [];
  readonly #replies: OutgoingReply[] = [];
  readonly #answers: QueryAnswer[] = [];
  readonly #loads: Digest[] = [];
  readonly #offers: Offer[] = [];
  readonly #events: Event[] = [];
  admission: Ready["admission"] = "taken";
  /** The replica whose message this is, if it is one that replicas send now and then as long as they live. */
  heardFrom: ReplicaId | null = null;

  /** `passedMs`: what a clock that no one sets shows, ms since some moment in this life; `null`: there is none. */
  constructor(
    readonly env: Environment,
    readonly state: ReplicaState,
    readonly now: Millis,
    readonly passedMs: number | null = null,
  ) {
    this.n = env.genesis.replicas.length;
    this.f = maxFaulty(this.n);
    this.quorum = quorum(this.n);
  }

  get self(): ReplicaId {
    return this.env.self;
  }

  get primary(): ReplicaId {
    return primaryOf(this.state.view, this.n);
  }

  get isPrimary(): boolean {
    return this.primary === this.self;
  }

  /** Whether it knows all that it has said, and so may say more. */
  get mayVote(): boolean {
    return this.state.lostDisk === null && this.state.asking === null;
  }

  /** Whether the view has started here. */
  get isActive(): boolean {
    return this.state.view === 0 || this.state.newView !== null;
  }

  persist(record: Record): void {
    this.#records.push(record);
  }

  send(to: Outgoing["to"], message: Outgoing["message"], batch?: Outgoing["batch"]): void {
    if (this.n === 1 || to === this.self) return;
    this.#messages.push(batch ? { to, message, batch } : { to, message });
  }

  reply(to: OutgoingReply["to"], reply: OutgoingReply["reply"]): void {
    this.#replies.push({ to, reply });
  }

  answer(answer: QueryAnswer): void {
    this.#answers.push(answer);
  }

  /** Has blobs sent to a peer that did not ask for them, but will need them. */
  offer(to: ReplicaId, digests: readonly Digest[]): void {
    this.#offers.push({ to, digests });
  }

  readonly load = (digest: Digest): void => void this.#loads.push(digest);

  event(event: Event): void {
    this.#events.push(event);
  }

  /** Tells observers that a number has reached a stage. */
  stage(stage: StageEvent["stage"], view: View, sequence: SequenceNumber, batch: Batch | null): void {
    const requests = batch?.requests ?? [];
    const operations = requests.reduce((sum, { message }) => sum + message.operations.length, 0);
    this.#events.push({
      kind: "stage",
      stage,
      view,
      sequence,
      requests: requests.length,
      operations,
      bytes: batch?.bytes.length ?? 0,
    });
  }

  discard(message: MessageKind | "blob", from: ReplicaId | ClientId | null, reason: DiscardReason): void {
    this.#events.push({ kind: "discarded", message, from, reason });
  }

  ready(alarmAt: Millis | null): Ready {
    return {
      records: this.#records,
      messages: this.#messages,
      replies: this.#replies,
      answers: this.#answers,
      loads: this.#loads,
      offers: this.#offers,
      alarmAt,
      events: this.#events,
      admission: this.admission,
    };
  }
}
