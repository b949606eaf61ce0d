/**
 * The messages of clients and gateways: requests, their results and replies (PBFT §4.1).
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "./ids.ts";
import type { SignedMessage } from "./signed.ts";

/**
 * A signed client's request: one or more operations under one timestamp and one signature (PBFT §4.1). The timestamps
 * of a session are 1, 2, 3, … A request with session 0 and no operations opens a session; its timestamp is a nonce that
 * makes opening idempotent.
 */
export interface ClientRequest {
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
export interface GatewayOperation {
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
  readonly operations: readonly GatewayOperation[];
}

/** A request that is ordered: of a signed client, or of a gateway. */
export type AnyRequest = ClientRequest | GatewayRequest;
/** A signed request, identified by the digest of its signed bytes. */
export interface SignedRequest<R extends AnyRequest = AnyRequest> extends SignedMessage<R> {
  /** SHA-256 of `bytes`. */
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
