/**
 * All that can happen to a replica, and all that it can want done: the core's whole contact with the world.
 * @module
 */
import type { Genesis, Settings } from "./config.ts";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "./ids.ts";
import type {
  AnyRequest,
  Batch,
  Blobs,
  Checkpoint,
  Commit,
  Decision,
  Fetch,
  MessageKind,
  NewView,
  Prepare,
  PrePrepare,
  ReplicaMessage,
  Reply,
  Signed,
  SignedRequest,
  Stage,
  Status,
  ViewChange,
} from "./messages.ts";
import type { Verified } from "./messages.ts";
import type { StateMachine } from "./state_machine.ts";
import type { Timers } from "./timers.ts";

/** What the canonical codec packs: nested lists of natural numbers, texts and byte strings. */
export type Plain = number | string | Uint8Array | readonly Plain[];

/** The synchronous, deterministic services that the core is given. */
export interface Environment {
  readonly self: ReplicaId;
  readonly genesis: Genesis;
  readonly settings: Settings;
  readonly stateMachine: StateMachine;
  /** SHA-256, or a stand-in without collisions. */
  hash(bytes: Uint8Array): Digest;
  /** Encodes and signs a message of this replica's own. Deterministic. */
  sign<M extends ReplicaMessage>(message: M): Verified<Signed<M>>;
  /** Encodes a batch of verified requests. */
  batch(timestamp: Millis, requests: readonly SignedRequest[]): Batch;
  /** Canonical bytes of a plain value: equal values, equal bytes. */
  pack(value: Plain): Uint8Array;
  /** The inverse of {@linkcode pack}. @throws {Error} if `bytes` are not what `pack` makes. */
  unpack(bytes: Uint8Array): Plain;
}

/** A message that has passed the gate. */
export type MessageInput =
  /** `more`: another one came together with it, so that it is too early to make a batch. */
  | { readonly kind: "request"; readonly request: Verified<SignedRequest>; readonly more?: boolean }
  /** `batch` is absent when its sender did not have it; its digest is that of the pre-prepare. */
  | {
    readonly kind: "pre-prepare";
    readonly prePrepare: Verified<Signed<PrePrepare>>;
    readonly batch?: Verified<Batch>;
  }
  | { readonly kind: "prepare"; readonly prepare: Verified<Signed<Prepare>> }
  | { readonly kind: "commit"; readonly commit: Verified<Signed<Commit>> }
  | { readonly kind: "decision"; readonly decision: Verified<Signed<Decision>> }
  | { readonly kind: "checkpoint"; readonly checkpoint: Verified<Signed<Checkpoint>> }
  | { readonly kind: "view-change"; readonly viewChange: Verified<Signed<ViewChange>> }
  | { readonly kind: "new-view"; readonly newView: Verified<Signed<NewView>> }
  | { readonly kind: "status"; readonly status: Verified<Signed<Status>> }
  /** Blobs that were fetched, each with its digest computed by the gate. `batch`: it decodes and verifies as a batch. */
  | { readonly kind: "blobs"; readonly from: ReplicaId; readonly blobs: readonly FetchedBlob[] };

/** Content that came by its digest. */
export interface FetchedBlob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly batch?: Verified<Batch>;
}

/** Everything that happens to a replica. */
export type Input =
  /** Once, first: replay what was committed, take up again the inputs that were `kept`, say where we are. */
  | { readonly kind: "start"; readonly kept?: readonly MessageInput[] }
  /** Time has passed; what is due fires. Every other input does that too. */
  | { readonly kind: "alarm" }
  | MessageInput;

/** A message to send. With `batch`, its body travels beside the pre-prepare. */
export interface Outgoing {
  readonly to: ReplicaId | "all";
  readonly message: Verified<Signed<ReplicaMessage>> | Verified<SignedRequest>;
  readonly batch?: Batch;
}

/** An answer to the client, or the gateway, whose request was executed. The node signs it if somebody waits for it. */
export interface OutgoingReply {
  readonly to: { readonly client: ClientId } | { readonly gateway: ReplicaId };
  readonly reply: Reply;
}

/**
 * What is to be durable. *Binding* records must be so before anything from the same step, or a later one, is sent;
 * *soft* ones ({@linkcode isBinding} is false) may ride along with the next binding one.
 */
export type Record =
  /** The view that the replica is in, or is moving to: then there is no new-view yet. Binding. */
  | ({ readonly kind: "view" } & ViewState)
  /** It accepted this pre-prepare; as a backup it has sent the prepare. One per number, the latest counts. Binding. */
  | { readonly kind: "accepted"; readonly prePrepare: Signed<PrePrepare>; readonly batch: Batch }
  /** It has the certificate and has sent the commit. One per number, the latest counts. Binding. */
  | {
    readonly kind: "prepared";
    readonly prePrepare: Signed<PrePrepare>;
    readonly prepares: readonly Signed<Prepare>[];
  }
  /**
   * The batch with this digest was executed at this number, by this quorum of commits, and is to be executed again after a
   * restart. `batch` is given when it is not the one of the `accepted` record. Soft: others can tell us again.
   */
  | {
    readonly kind: "committed";
    readonly sequence: SequenceNumber;
    readonly digest: Digest;
    readonly commits: readonly Signed<Commit>[];
    readonly batch: Batch | null;
  }
  /**
   * It has the state with this root, as a checkpoint of its own or by state transfer; the new blobs of its tree came in
   * `blobs` records before. `retired` is what the tree named until now; kept until `drop-blobs`. Binding.
   */
  | {
    readonly kind: "checkpoint";
    readonly sequence: SequenceNumber;
    readonly root: Digest;
    readonly retired: readonly Digest[];
  }
  /** A quorum of equal checkpoint messages. Binding. */
  | { readonly kind: "stable"; readonly certificate: readonly Signed<Checkpoint>[] }
  /** Content under its digest. Soft by itself; goes with the record that names it, in one commit. */
  | { readonly kind: "blobs"; readonly blobs: ReadonlyMap<Digest, Uint8Array> }
  /** Content that nothing names any more, and the checkpoints whose `retired` lists are done with. Soft. */
  | {
    readonly kind: "drop-blobs";
    readonly digests: readonly Digest[];
    readonly checkpoints: readonly SequenceNumber[];
  }
  /** Everything about numbers up to here can go, batch bodies too. Soft. */
  | { readonly kind: "forget"; readonly through: SequenceNumber };

/** Whether a record must be durable before anything is said. */
export function isBinding(record: Record): boolean {
  switch (record.kind) {
    case "view":
    case "accepted":
    case "prepared":
    case "checkpoint":
    case "stable":
      return true;
    case "committed":
    case "blobs":
    case "drop-blobs":
    case "forget":
      return false;
  }
}

/** Where a replica is in the succession of views. */
export interface ViewState {
  readonly view: View;
  /** What it said when it left for this view; `null` if it came here by another's new-view, or is in view 0. */
  readonly viewChange: Verified<Signed<ViewChange>> | null;
  /** What started this view; `null` while the replica waits for it, and in view 0. */
  readonly newView: Verified<Signed<NewView>> | null;
}

/** What the store gave back at a start. */
export interface Recovered extends ViewState {
  readonly accepted: readonly { readonly prePrepare: Verified<Signed<PrePrepare>>; readonly batch: Verified<Batch> }[];
  readonly prepared: readonly {
    readonly prePrepare: Verified<Signed<PrePrepare>>;
    readonly prepares: readonly Verified<Signed<Prepare>>[];
  }[];
  readonly committed: readonly {
    readonly sequence: SequenceNumber;
    readonly commits: readonly Verified<Signed<Commit>>[];
    readonly batch: Verified<Batch>;
  }[];
  /** The `retired` lists of checkpoints that `drop-blobs` has not named yet. */
  readonly retired: readonly { readonly sequence: SequenceNumber; readonly digests: readonly Digest[] }[];
  /** The last checkpoint that the replica took, whose state is in `blobs`. */
  readonly checkpoint?: { readonly sequence: SequenceNumber; readonly root: Digest };
  readonly stable: readonly Verified<Signed<Checkpoint>>[];
  /** The root page, the pages and the chunks of `checkpoint`'s state, by digest. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  /** How long was waited already, if the host keeps that; otherwise the waiting begins anew. */
  readonly timers?: Timers;
}

/** Why a message changed nothing. None of these is an error of ours. */
export type DiscardReason =
  | "other-view" // of a view that the replica is not in
  | "outside-watermarks"
  | "not-the-primary" // a pre-prepare of a replica that is not the primary of its view
  | "from-the-primary" // a prepare of the primary of its view, whose pre-prepare stands for it
  | "conflicting" // its sender has said something else at that place: kept as evidence
  | "duplicate"
  | "already-executed"
  | "buffer-full"
  | "invalid-certificate" // a view-change or new-view that does not follow from what it carries
  | "too-soon" // a status again before an answer to the last one makes sense
  | "not-wanted"; // a blob that nobody asked for

/** Why a replica leaves a view. */
export type Suspicion =
  | "no-progress" // requests wait and nothing was executed for the view timeout
  | "overtaken" // a request waits while very many later ones were executed
  | "slow-primary" // a request waits although the primary has room for it
  | "no-new-view" // the view's primary did not start it in time
  | "others-left"; // f + 1 others have left for a higher view

/** What happened, for observers: metrics, logs, the event stream. Carries nothing secret. */
export type Event =
  | { readonly kind: "request-received"; readonly digest: Digest }
  | {
    readonly kind: "stage";
    readonly stage: Exclude<Stage, "idle"> | "executed";
    readonly view: View;
    readonly sequence: SequenceNumber;
    readonly requests: number;
    readonly operations: number;
    readonly bytes: number;
  }
  | { readonly kind: "checkpoint-taken"; readonly sequence: SequenceNumber; readonly root: Digest }
  | { readonly kind: "checkpoint-stable"; readonly sequence: SequenceNumber; readonly root: Digest }
  /** It has left for this view, and why. */
  | { readonly kind: "view-change"; readonly view: View; readonly why: Suspicion }
  /** The view has started here. `prepared`: how many numbers were carried over. */
  | { readonly kind: "new-view"; readonly view: View; readonly primary: ReplicaId; readonly prepared: number }
  | { readonly kind: "state-transfer"; readonly phase: "started" | "finished"; readonly sequence: SequenceNumber }
  /** The state machine threw something other than an `OperationError`: most likely a bug in it. */
  | { readonly kind: "operation-failed"; readonly sequence: SequenceNumber; readonly error: string }
  | {
    readonly kind: "discarded";
    readonly message: MessageKind | "blob";
    readonly from: ReplicaId | ClientId | null;
    readonly reason: DiscardReason;
  };

/**
 * What one step wants done. The order is the contract: first `records` durable, then `messages` sent and `replies`
 * given. `alarmAt` replaces the alarm before.
 */
export interface Ready {
  readonly records: readonly Record[];
  readonly messages: readonly Outgoing[];
  readonly replies: readonly OutgoingReply[];
  /** When to step with `alarm` at the latest; `null`: not by itself. */
  readonly alarmAt: Millis | null;
  readonly events: readonly Event[];
  /** For a request input: whether it was taken. `full`: answer 429. */
  readonly admission: "taken" | "full";
}

/** A summary of a replica's state for people and for `/status`. */
export interface ReplicaStatus {
  /** The view that the replica is in. */
  readonly view: View;
  /** The primary of that view. */
  readonly primary: ReplicaId;
  /** False while it has left a view and waits for the next to start. */
  readonly active: boolean;
  /** Everything up to here is in the state. */
  readonly lastExecuted: SequenceNumber;
  /** The last stable checkpoint (PBFT §4.3). */
  readonly lowWatermark: SequenceNumber;
  /** The last number that may be ordered before the next stable checkpoint. */
  readonly highWatermark: SequenceNumber;
  /** Open sequence numbers, ascending. */
  readonly slots: readonly {
    readonly sequence: SequenceNumber;
    readonly stage: Stage;
    readonly prepares: number;
    readonly commits: number;
  }[];
  /** Requests that wait to be ordered. */
  readonly pendingRequests: number;
  /** Open sessions of signed clients. */
  readonly sessions: number;
  /** Remembered names of unsigned clients. */
  readonly names: number;
  /** Of the last checkpoint that the replica took; `null` before the first. */
  readonly stateRoot: Digest | null;
  /** The hash chain over the executed batches: equal at replicas that executed the same. */
  readonly history: Digest;
  /** The timestamp of the last executed batch. */
  readonly agreedTime: Millis;
  /** When the replica next acts by itself; `null`: it waits for input. */
  readonly alarmAt: Millis | null;
  /** Whether it is fetching a state that it fell behind of. */
  readonly transferring: boolean;
}
export type { AnyRequest, Blobs, Fetch };
