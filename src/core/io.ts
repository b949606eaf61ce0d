/**
 * All that can happen to a replica, and all that it can want done: the core's whole contact with the world.
 * @module
 */
import type { Allowance } from "./upkeep/allowance.ts";
import type { Genesis, Settings } from "./config.ts";
import type { Event } from "./events.ts";
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
  | { readonly kind: "stable-checkpoint"; readonly stable: Verified<Signed<StableCheckpoint>> }
  | { readonly kind: "suspicion"; readonly suspicion: Verified<Signed<Suspicion>> }
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

/** What a replica has heard from the others and told them, which a core that takes another one's place need not find out again. */
export interface PeerMemory {
  /** The highest number that each replica says it has executed. */
  readonly heard: ReadonlyMap<ReplicaId, SequenceNumber>;
  /** When something last came from each replica itself. */
  readonly heardAt: ReadonlyMap<ReplicaId, Millis>;
  /** What each replica may still be answered with. */
  readonly allowances: ReadonlyMap<ReplicaId, Allowance>;
  /** When each replica was last sent what started the view. */
  readonly toldAt: ReadonlyMap<ReplicaId, Millis>;
}

/** Everything that happens to a replica. */
export type Input =
  /** Once, first: replay what was committed, take up again the inputs that were `kept`, say where we are. */
  | {
    readonly kind: "start";
    readonly kept?: readonly MessageInput[];
    readonly peers?: PeerMemory | undefined;
    /** It goes on with what it did before: it asks the others whether that is all, and votes when they have answered. */
    readonly asks?: boolean;
    /** Another instance of it is at work, and says where it is. */
    readonly isQuiet?: boolean;
  }
  /** Time has passed; what is due fires. Every other input does that too. */
  | { readonly kind: "alarm" }
  /** So long the commits of this replica's own store take, as lately measured, ms. */
  | { readonly kind: "store-pace"; readonly commitMs: number }
  /** This replica is about to be stopped: if it is the primary it hands the view on. */
  | { readonly kind: "hand-over" }
  /** Blobs that {@linkcode Ready.loads} asked for, each checked against its digest. They change nothing but what is in memory. */
  | { readonly kind: "loaded"; readonly blobs: ReadonlyMap<Digest, Uint8Array> }
  /** A question about the state, which is answered, and changes nothing. */
  | { readonly kind: "query"; readonly query: Verified<SignedQuery> }
  | MessageInput;

/** A message to send. With `batch`, its body travels beside the pre-prepare. */
export interface Outgoing {
  readonly to: ReplicaId | "all";
  readonly message: Verified<Signed<ReplicaMessage>> | Verified<SignedRequest>;
  readonly batch?: Batch;
}

/** Blobs for a peer. */
export interface Offer {
  readonly to: ReplicaId;
  readonly digests: readonly Digest[];
}

/** An answer to the client, or the gateway, whose request was executed. The node signs it if somebody waits for it. */
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
  /** The number at which the state machine could not give its state, if it could not: operations are rejected since. */
  readonly unsealed?: SequenceNumber;
  /** Whether it has lost its disk and votes in nothing until the others have left its former votes behind. */
  readonly hasLostDisk: boolean;
  /** It is there while the replica, started anew, waits for what the others hold of it, and does not vote. */
  readonly isAsking?: true;
  /** What proves that others are faulty: pairs of messages by which they contradict themselves. At most 64, 8 per replica. */
  readonly evidence: readonly Contradiction[];
}
