/**
 * The messages of replicas and clients as plain data. `src/wire` encodes them.
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "./ids.ts";
import type { Blobs, Decision, Fetch, StableCheckpoint, Status } from "./catching_up.ts";
import type { Query, QueryReply } from "./queries.ts";
import type { NewView, Suspicion, ViewChange } from "./view_changes.ts";

export type { Blobs, Decision, Fetch, Phase, StableCheckpoint, Stage, Status } from "./catching_up.ts";
export type { Query, QueryReply, SignedQuery } from "./queries.ts";
export type { NewView, PreparedCertificate, Standing, Suspicion, ViewChange } from "./view_changes.ts";

/**
 * A signed client's request: one or more operations under one timestamp and one signature (PBFT §4.1). The timestamps
 * of a session are 1, 2, 3, … A request with session 0 and no operations opens a session; its timestamp is a nonce that
 * makes opening idempotent.
 */
export interface Request {
  /** The message kind. */
  readonly kind: "request";
  /** The client, which signs it. */
  readonly client: ClientId;
  /** The sequence number at which the session was opened; 0 asks for a new session. */
  readonly session: number;
  /** The request's place in the session; a nonce if `session` is 0. */
  readonly timestamp: number;
  /** The client holds the replies to all timestamps below this one, so replicas may drop those. */
  readonly lowestUnanswered: number;
  /** The operations for the state machine, in order. */
  readonly operations: readonly Uint8Array[];
}

/** One operation of an unsigned client, identified by the client's name and a timestamp of its choice. */
export interface VouchedOperation {
  /** The client's name, `clientID` in goPBFT. Nothing proves it. */
  readonly name: string;
  /** Unique per name. The same operation with the same timestamp is a retransmission. */
  readonly timestamp: number;
  /** The operation for the state machine. */
  readonly operation: Uint8Array;
}

/** Operations of unsigned clients. A member replica (the gateway) vouches for them with its signature. */
export interface GatewayRequest {
  /** The message kind. */
  readonly kind: "gateway-request";
  /** The gateway, which signs it. */
  readonly gateway: ReplicaId;
  /**
   * Compared with P, the agreed time of the batch before: the request is refused as `expired` if `notAfter` < P, and as
   * `too-early` if `notAfter` > P + `nameIdleMs`.
   */
  readonly notAfter: Millis;
  /** Executed in this order, each at most once. */
  readonly operations: readonly VouchedOperation[];
}

/** ⟨PRE-PREPARE, v, n, d⟩: the primary gives sequence number n to the batch with digest d. */
export interface PrePrepare {
  /** The message kind. */
  readonly kind: "pre-prepare";
  /** The primary of `view`, who signs it. */
  readonly replica: ReplicaId;
  /** The view in which the batch is proposed. */
  readonly view: View;
  /** The sequence number that it assigns. */
  readonly sequence: SequenceNumber;
  /** The digest of the batch. */
  readonly digest: Digest;
}

/** ⟨PREPARE, v, n, d, i⟩: backup i accepted that pre-prepare. */
export interface Prepare {
  /** The message kind. */
  readonly kind: "prepare";
  /** The backup that signs it. */
  readonly replica: ReplicaId;
  /** As in the pre-prepare. */
  readonly view: View;
  /** As in the pre-prepare. */
  readonly sequence: SequenceNumber;
  /** As in the pre-prepare. */
  readonly digest: Digest;
}

/** ⟨COMMIT, v, n, d, i⟩: the batch is prepared at replica i. */
export interface Commit {
  /** The message kind. */
  readonly kind: "commit";
  /** The signer; the primary sends commits too. */
  readonly replica: ReplicaId;
  /** As in the pre-prepare. */
  readonly view: View;
  /** As in the pre-prepare. */
  readonly sequence: SequenceNumber;
  /** As in the pre-prepare. */
  readonly digest: Digest;
}

/** ⟨CHECKPOINT, n, d, i⟩: after executing n, replica i's state has digest d (PBFT §4.3). */
export interface Checkpoint {
  /** The message kind. */
  readonly kind: "checkpoint";
  /** The signer. */
  readonly replica: ReplicaId;
  /** The last executed number; a multiple of K. */
  readonly sequence: SequenceNumber;
  /** Digest of the state's root page, which covers history, agreed time, the machine's state and the client table. */
  readonly digest: Digest;
}

/** The outcome of one operation. */
export interface Result {
  /** The sequence number at which the operation was executed or refused. */
  readonly sequence: SequenceNumber;
  /** `ok`: executed. `rejected`: the state machine rejected it. `refused`: it never reached the state machine. */
  readonly status: "ok" | "rejected" | "refused";
  /** The machine's result, or the reason as UTF-8. If `refused`, the reason is a {@linkcode Refusal}. */
  readonly value: Uint8Array;
}

/** Why an ordered operation was not given to the state machine. All correct replicas decide alike. */
export type Refusal =
  | "unknown-session" // never opened, or evicted
  | "stale-timestamp" // below the client's lowestUnanswered, or too old to be remembered
  | "beyond-window" // too far above the lowest unanswered timestamp
  | "timestamp-reused" // another operation has used that timestamp
  | "reply-storage-full" // the client must acknowledge replies first, or ask for less in one request
  | "too-many-clients" // no session or name has been idle for long enough to be evicted
  | "expired" // `notAfter` of a gateway request has passed: it will never be executed
  | "too-early"; // `notAfter` of a gateway request lies further ahead than names are remembered

/** ⟨REPLY, v, t, c, i, r⟩: f + 1 replies that are equal except for `replica` and `view` are a receipt (PBFT §4.1). */
export interface Reply {
  /** The message kind. */
  readonly kind: "reply";
  /** The signer. */
  readonly replica: ReplicaId;
  /** The replica's view, which tells the client the primary. It may differ between equal replies. */
  readonly view: View;
  /** Digest of the request's signed bytes. It binds client, session, timestamp and operations. */
  readonly request: Digest;
  /** One result per operation, in order; exactly one for the opening of a session. */
  readonly results: readonly Result[];
}

/** All messages between replicas. */
export type ReplicaMessage =
  | PrePrepare
  | Prepare
  | Commit
  | Decision
  | Checkpoint
  | StableCheckpoint
  | Suspicion
  | ViewChange
  | NewView
  | Reply
  | Status
  | Fetch
  | Blobs;
/** A request that is ordered: of a signed client, or of a gateway. */
export type AnyRequest = Request | GatewayRequest;
/** All messages. */
export type Message = ReplicaMessage | AnyRequest | Query | QueryReply;
/** All message kinds. */
export type MessageKind = Message["kind"];

/** A message with the exact bytes that were signed, and the signature over them. */
export interface Signed<M extends Message = Message> {
  /** The decoded `bytes`. */
  readonly message: M;
  /** The message, encoded once by its sender. Nobody encodes it again. */
  readonly bytes: Uint8Array;
  /** Ed25519, 64 bytes. It covers the protocol version, cluster id, epoch, kind and `bytes`. */
  readonly signature: Uint8Array;
}

/** A signed request, identified by the digest of its signed bytes. */
export interface SignedRequest<R extends AnyRequest = AnyRequest> extends Signed<R> {
  /** SHA-256 of `bytes`. */
  readonly digest: Digest;
}

/**
 * The content of one sequence number. Its digest covers the proposed timestamp and the signed requests, but not the
 * view, so that it survives view changes. A batch without requests is a null request.
 */
export interface Batch {
  /** SHA-256 of `bytes`. */
  readonly digest: Digest;
  /** The encoded timestamp and signed requests. */
  readonly bytes: Uint8Array;
  /** Proposed by the primary. The agreed time becomes max(previous, proposed). */
  readonly timestamp: Millis;
  /** The requests, in the order of execution. */
  readonly requests: readonly SignedRequest[];
}

/**
 * Marks a message that has passed the gate: it is well-formed, within the limits, from a member, and all its
 * signatures, nested ones too, are valid.
 */
export type Verified<T> = T & { readonly "~verified": true };
