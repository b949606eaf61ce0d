/**
 * What replicas and clients say to each other, as plain data. How it becomes bytes is `src/wire`'s affair.
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
 * A signed client's request: one or more operations under one timestamp and one signature (PBFT §4.1).
 * The timestamp counts 1, 2, 3, … within the session. Session 0 with no operations opens a session; there
 * the timestamp is a nonce that makes the opening itself idempotent.
 */
export interface Request {
  /** Tells it from other messages. */
  readonly kind: "request";
  /** Who signs it. */
  readonly client: ClientId;
  /** The sequence number at which the session was opened; 0 asks for a new session. */
  readonly session: number;
  /** Its place among the session's requests; a nonce where `session` is 0. */
  readonly timestamp: number;
  /** The client holds the replies to all timestamps below this one; their stored replies may go. */
  readonly lowestUnanswered: number;
  /** What the state machine is given, in order. */
  readonly operations: readonly Uint8Array[];
}

/** One operation of an unsigned client, known by a name and a timestamp of its own choice. */
export interface VouchedOperation {
  /** The client's name, `clientID` in goPBFT. Nobody proves it. */
  readonly name: string;
  /** Apart from the name's other operations; the same again is a retransmission. */
  readonly timestamp: number;
  /** What the state machine is given. */
  readonly operation: Uint8Array;
}

/** Operations of unsigned clients, which a member replica (the gateway) vouches for with its signature. */
export interface GatewayRequest {
  /** Tells it from other messages. */
  readonly kind: "gateway-request";
  /** Who signs it. */
  readonly gateway: ReplicaId;
  /** Executed where the agreed time of the batch before is at most this (else `expired`) and no more than `nameIdleMs` less (else `too-early`). */
  readonly notAfter: Millis;
  /** Executed in this order, each once. */
  readonly operations: readonly VouchedOperation[];
}

/** ⟨PRE-PREPARE, v, n, d⟩: the primary gives sequence number n to the batch with digest d. */
export interface PrePrepare {
  /** Tells it from other messages. */
  readonly kind: "pre-prepare";
  /** The primary of `view`, who signs it. */
  readonly replica: ReplicaId;
  /** The view in which it is proposed. */
  readonly view: View;
  /** The number that it assigns. */
  readonly sequence: SequenceNumber;
  /** The batch's. */
  readonly digest: Digest;
}

/** ⟨PREPARE, v, n, d, i⟩: backup i accepted that pre-prepare. */
export interface Prepare {
  /** Tells it from other messages. */
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

/** ⟨COMMIT, v, n, d, i⟩: replica i has the batch prepared. */
export interface Commit {
  /** Tells it from other messages. */
  readonly kind: "commit";
  /** Who signs it, the primary too. */
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
  /** Tells it from other messages. */
  readonly kind: "checkpoint";
  /** Who signs it. */
  readonly replica: ReplicaId;
  /** The last number in the state; a multiple of K. */
  readonly sequence: SequenceNumber;
  /** Digest of the state's root page: history, agreed time, machine state and client table. */
  readonly digest: Digest;
}

/** What became of one operation. */
export interface Result {
  /** The sequence number at which it was executed or refused. */
  readonly sequence: SequenceNumber;
  /** `ok`: executed; `rejected`: the state machine said no; `refused`: never reached the state machine. */
  readonly status: "ok" | "rejected" | "refused";
  /** The machine's answer, or the reason as UTF-8. For `refused` it is a {@linkcode Refusal}. */
  readonly value: Uint8Array;
}

/** Why an ordered operation was not given to the state machine. All correct replicas decide alike. */
export type Refusal =
  | "unknown-session" // never opened, or evicted
  | "stale-timestamp" // below what the client said it holds, or too old to be remembered
  | "beyond-window" // too far above the lowest unanswered timestamp
  | "timestamp-reused" // that timestamp was another operation's
  | "reply-storage-full" // the client must acknowledge replies first, or ask for less at once
  | "too-many-clients" // no session or name is idle long enough to make room
  | "expired" // a gateway request past its `notAfter`: it is never executed
  | "too-early"; // a gateway request whose `notAfter` is further ahead than names are remembered

/** ⟨REPLY, v, t, c, i, r⟩: f + 1 that agree on all but `replica` and `view` are a receipt (PBFT §4.1). */
export interface Reply {
  /** Tells it from other messages. */
  readonly kind: "reply";
  /** Who signs it. */
  readonly replica: ReplicaId;
  /** The view the replica is in, by which the client finds the primary. Not part of the agreement. */
  readonly view: View;
  /** Digest of the request's signed bytes; binds client, session, timestamp and operations. */
  readonly request: Digest;
  /** One per operation, in order; one in all for the opening of a session. */
  readonly results: readonly Result[];
}

/** What replicas send each other. */
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
/** What is ordered. */
export type AnyRequest = Request | GatewayRequest;
/** Every kind of message. */
export type Message = ReplicaMessage | AnyRequest | Query | QueryReply;
/** The name of a kind of message. */
export type MessageKind = Message["kind"];

/** A message as it is sent: its meaning, the exact bytes that were signed, and the signature over them. */
export interface Signed<M extends Message = Message> {
  /** What `bytes` say. */
  readonly message: M;
  /** The encoded message. Encoded once, by its sender; never re-encoded. */
  readonly bytes: Uint8Array;
  /** Ed25519, 64 bytes. Covers protocol version, cluster id, epoch, kind and `bytes`. */
  readonly signature: Uint8Array;
}

/** A signed request and the digest of its signed bytes, by which it is known. */
export interface SignedRequest<R extends AnyRequest = AnyRequest> extends Signed<R> {
  /** SHA-256 of `bytes`. */
  readonly digest: Digest;
}

/**
 * What one sequence number orders. Its digest covers the agreed timestamp and the signed requests and nothing
 * of the view, so that it survives view changes. No requests: a null request.
 */
export interface Batch {
  /** SHA-256 of `bytes`. */
  readonly digest: Digest;
  /** The encoded timestamp and signed requests. */
  readonly bytes: Uint8Array;
  /** Proposed by the primary; the state machine sees max(previous, proposed). */
  readonly timestamp: Millis;
  /** In the order in which they are executed. */
  readonly requests: readonly SignedRequest[];
}

/** Marks what passed the gate: well-formed, within limits, from a member, signatures right, nested ones too. */
export type Verified<T> = T & { readonly "~verified": true };
