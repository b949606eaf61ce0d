/**
 * The core's whole contact with the world: all inputs of a replica, and all that a step wants done.
 * @module
 */
import type { Allowance } from "./upkeep/allowance.ts";
import type { Settings, Terms } from "./config.ts";
import type { Migrate, StreamedMigration } from "./epochs/migrate.ts";
import type { ReplicaEvent } from "./events.ts";
import type { Contradiction } from "./messages/evidence.ts";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "./messages/ids.ts";
import type {
  Batch,
  Checkpoint,
  Commit,
  Decision,
  NewView,
  Prepare,
  PrePrepare,
  ReplicaMessage,
  Reply,
  Signed,
  SignedRequest,
  StableCheckpoint,
  Stage,
  Status,
  Suspicion,
  Verified,
  ViewChange,
} from "./messages/messages.ts";
import type { QueryAnswer, SignedQuery } from "./messages/queries.ts";
import type { Record } from "./records.ts";
import type { StateMachine } from "./state_machine.ts";

/** A value that the canonical codec packs: nested lists of natural numbers, texts and byte strings. */
export type Plain = number | string | Uint8Array | readonly Plain[];

/** The synchronous, deterministic services that the core is given. */
export interface Environment {
  readonly self: ReplicaId;
  readonly genesis: Terms;
  readonly settings: Settings;
  readonly stateMachine: StateMachine;
  /** How the present state becomes that of another version; `null` if this replica does not know. None if left out. */
  migration?(version: string): Migrate | StreamedMigration | null;
  /** Makes a machine of a version that {@linkcode migration} leads to. */
  createMachine?(version: string): StateMachine;
  /** SHA-256, or a collision-free stand-in. */
  hash(bytes: Uint8Array): Digest;
  /** Encodes and signs a message of this replica. Deterministic. */
  sign<M extends ReplicaMessage>(message: M): Verified<Signed<M>>;
  /** Encodes a batch of verified requests. */
  batch(timestamp: Millis, requests: readonly SignedRequest[]): Batch;
  /** Canonical bytes of a plain value: equal values, equal bytes. */
  pack(value: Plain): Uint8Array;
  /** The inverse of {@linkcode pack}. @throws {Error} if `pack` does not make these bytes. */
  unpack(bytes: Uint8Array): Plain;
  /** Whether events of stages name the requests in the batch, for observers that follow single requests. */
  readonly namesRequests?: boolean;
  /** Reads `configure` operations. If left out, there are none: every operation is the state machine's. */
  readonly configure?: ConfigurePort;
}

/** Reads `configure` operations for one epoch. Deterministic. */
export interface ConfigurePort {
  /** Whether an operation is a `configure`, valid or not. */
  is(operation: Uint8Array): boolean;
  /** Checks one against the present epoch: its form, its place in the chain, and the members' signatures. */
  check(operation: Uint8Array): CheckedConfigure | { readonly refused: string };
  /**
   * The version of the state machine in the bytes of a configuration; `null` if it is another cluster's. If left out, the
   * version never changes.
   */
  machineOf?(configuration: Uint8Array): string | null;
}

/** A `configure` operation that may follow the present epoch. */
export interface CheckedConfigure {
  /** The canonical bytes of the next configuration. */
  readonly configuration: Uint8Array;
  /** Their hash. */
  readonly hash: Digest;
  /** The members' signatures. */
  readonly approvals: Plain;
  /** The version of the state machine. Default: the present one. */
  readonly stateMachine?: string;
}

/** The end of an epoch: its closing checkpoint is stable, and this replica has the state. */
export interface ClosedEpoch {
  /** The epoch that follows. */
  readonly epoch: number;
  /** The certificate of the closing checkpoint. */
  readonly certificate: readonly Verified<Signed<Checkpoint>>[];
}

/** A message that has passed the gate. */
export type MessageInput =
  /** `more`: another request came together with it, so the primary waits for that one before it proposes a batch. */
  | { readonly kind: "request"; readonly request: Verified<SignedRequest>; readonly more?: boolean }
  /** `batch` is absent if the sender did not have it. Its digest is that of the pre-prepare. */
  | {
    readonly kind: "pre-prepare";
    readonly prePrepare: Verified<Signed<PrePrepare>>;
    readonly batch?: Verified<Batch>;
  }
  | { readonly kind: "prepare"; readonly prepare: Verified<Signed<Prepare>> }
  | { readonly kind: "commit"; readonly commit: Verified<Signed<Commit>> }
  | { readonly kind: "decision"; readonly decision: Verified<Signed<Decision>> }
  | { readonly kind: "checkpoint"; readonly checkpoint: Verified<Signed<Checkpoint>> }
  | { readonly kind: "stable-checkpoint"; readonly stable: Verified<Signed<StableCheckpoint>> }
  | { readonly kind: "suspicion"; readonly suspicion: Verified<Signed<Suspicion>> }
  | { readonly kind: "view-change"; readonly viewChange: Verified<Signed<ViewChange>> }
  | { readonly kind: "new-view"; readonly newView: Verified<Signed<NewView>> }
  | { readonly kind: "status"; readonly status: Verified<Signed<Status>> }
  /** Fetched blobs. The gate has computed their digests. `batch` is set if the blob is a valid batch. */
  | { readonly kind: "blobs"; readonly from: ReplicaId; readonly blobs: readonly FetchedBlob[] };

/** A fetched blob. */
export interface FetchedBlob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly batch?: Verified<Batch>;
}

/**
 * What a replica knows of its peers. A core that replaces another one takes this over, so that it need not learn it
 * again.
 */
export interface PeerMemory {
  /** The last executed number that each replica has reported. */
  readonly heard: ReadonlyMap<ReplicaId, SequenceNumber>;
  /** When a message of each replica itself last arrived. */
  readonly heardAt: ReadonlyMap<ReplicaId, Millis>;
  /** The rest of each replica's allowance of answers. */
  readonly allowances: ReadonlyMap<ReplicaId, Allowance>;
  /** When each replica was last sent the new-view. */
  readonly newViewSentAt: ReadonlyMap<ReplicaId, Millis>;
}

/** Everything that can happen to a replica. */
export type Input =
  /**
   * The first input, exactly once: executes the stored decisions, takes up the `kept` inputs again, and sends a status.
   */
  | {
    readonly kind: "start";
    readonly kept?: readonly MessageInput[];
    readonly peers?: PeerMemory | undefined;
    /**
     * The replica continues with its store: it asks the others whether the store knows all that it has sent, and votes
     * when they have answered.
     */
    readonly asks?: boolean;
    /** Another instance of this replica is running and sends the status, so this one need not. */
    readonly isQuiet?: boolean;
  }
  /** Time has passed; due timers fire. Every other input does that too. */
  | { readonly kind: "alarm" }
  /** How long commits to this replica's own store take, as last measured, ms. */
  | { readonly kind: "store-pace"; readonly commitMs: number }
  /**
   * Nothing listens at a replica's address: a connection to it was refused just now. That is a hint and no proof, since networks and proxies
   * refuse connections as well.
   */
  | { readonly kind: "refused"; readonly peer: ReplicaId }
  /** This replica is about to be stopped. If it is the primary, it hands over to the next one. */
  | { readonly kind: "hand-over" }
  /**
   * The blobs that {@linkcode Ready.loads} has requested, each checked against its digest. They only change the chunks that are in
   * memory.
   */
  | { readonly kind: "loaded"; readonly blobs: ReadonlyMap<Digest, Uint8Array> }
  /** Blobs of the present state that the store lost or damaged: they are fetched from the others. */
  | { readonly kind: "damaged-blobs"; readonly digests: readonly Digest[] }
  /** A read. It is answered, and changes nothing. */
  | { readonly kind: "query"; readonly query: Verified<SignedQuery> }
  | MessageInput;

/** A message to send. If `batch` is set, the body travels beside the pre-prepare. */
export interface Outgoing {
  readonly to: ReplicaId | "all";
  readonly message: Verified<Signed<ReplicaMessage>> | Verified<SignedRequest>;
  readonly batch?: Batch;
}

/** Stored blobs to send to a peer. */
export interface Offer {
  readonly to: ReplicaId;
  readonly digests: readonly Digest[];
}

/** A reply to the client or gateway whose request was executed. The node signs it if somebody waits for it. */
export interface OutgoingReply {
  readonly to: { readonly client: ClientId } | { readonly gateway: ReplicaId };
  readonly reply: Reply;
}

/**
 * What one step wants done. The order is the contract: first `records` durable, then `messages` sent, `replies`
 * and `answers` given. `alarmAt` replaces the alarm before.
 */
export interface Ready {
  readonly records: readonly Record[];
  readonly messages: readonly Outgoing[];
  readonly replies: readonly OutgoingReply[];
  /** What became of queries, of this step's or of earlier ones. */
  readonly answers: readonly QueryAnswer[];
  /** Blobs to read from the store, of `blobs` records of this or an earlier step, and to give back with `loaded`. */
  readonly loads: readonly Digest[];
  /** Blobs of the store that a peer will need: they are sent to it as if it had asked. Nothing if left out. */
  readonly offers?: readonly Offer[];
  /** When to step with `alarm` at the latest; `null`: not by itself. */
  readonly alarmAt: Millis | null;
  readonly events: readonly ReplicaEvent[];
  /** Set once, when the epoch is over: the host goes on with a replica of the next epoch. */
  readonly closed?: ClosedEpoch;
  /** For a request input: whether it was taken. `full`: answer 429. */
  readonly admission: "taken" | "full";
}

/** The state of a replica in short, for people and for `/status`. */
export interface ReplicaStatus {
  /** The view that the replica is in, or moves to. */
  readonly view: View;
  /** The primary of that view. */
  readonly primary: ReplicaId;
  /** False while the replica has left a view and waits for the next one to start. */
  readonly active: boolean;
  /** The last executed number: everything up to it is in the state. */
  readonly lastExecuted: SequenceNumber;
  /** The last stable checkpoint (PBFT §4.3). */
  readonly lowWatermark: SequenceNumber;
  /** The last number that can be ordered before the next stable checkpoint. */
  readonly highWatermark: SequenceNumber;
  /** Open sequence numbers, ascending. */
  readonly slots: readonly {
    readonly sequence: SequenceNumber;
    readonly stage: Stage;
    readonly prepares: number;
    readonly commits: number;
  }[];
  /** The number of pending requests. */
  readonly pendingRequests: number;
  /** The number of open sessions of signed clients. */
  readonly sessions: number;
  /** The number of remembered names of unsigned clients. */
  readonly names: number;
  /** The root digest of the replica's last checkpoint; `null` before the first. */
  readonly stateRoot: Digest | null;
  /** The hash chain over the executed batches. Equal at replicas that have executed the same batches. */
  readonly history: Digest;
  /** The agreed time of the last executed batch. */
  readonly agreedTime: Millis;
  /** When the replica next acts by itself; `null` if it waits for input. */
  readonly alarmAt: Millis | null;
  /** Whether a state transfer is in progress. */
  readonly transferring: boolean;
  /** Set if the state machine could not give its state at this number. Since then operations are rejected. */
  readonly unsealed?: SequenceNumber;
  /** Set if the epoch is closing, and the replica lacks the next version of the state machine, or its migration. */
  readonly lacksVersion?: string;
  /**
   * Whether the replica has lost its disk and is recovering. It votes in nothing until a checkpoint above its earlier
   * votes is stable.
   */
  readonly recovering: boolean;
  /**
   * Present while the replica, just started, waits for the others to return its messages. It does not vote until they
   * have.
   */
  readonly isAsking?: true;
  /**
   * Proof that other replicas are faulty: pairs of signed messages that contradict each other. At most 64, 8 per
   * replica.
   */
  readonly evidence: readonly Contradiction[];
}
