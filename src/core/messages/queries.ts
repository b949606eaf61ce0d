/**
 * Reads without ordering (PBFT §5.1.3): what a client asks every replica, and what each says by itself.
 * @module
 */
import type { ClientId, Digest, ReplicaId, View } from "./ids.ts";
import type { Result, Signed } from "./messages.ts";

/** A signed client's question about the state. A quorum of equal answers to it is an answer. */
export interface Query {
  /** Tells it from other messages. */
  readonly kind: "query";
  /** Who signs it. */
  readonly client: ClientId;
  /** Different in each query of a client, so that what was answered before answers none that comes later. */
  readonly nonce: number;
  /** What the state machine is asked. */
  readonly operation: Uint8Array;
}

/** What replica i's state says. Worth nothing by itself. */
export interface QueryReply {
  /** Tells it from other messages. */
  readonly kind: "query-reply";
  /** Who signs it. */
  readonly replica: ReplicaId;
  /** The view that the replica is in. Not part of the agreement. */
  readonly view: View;
  /** Digest of the query's signed bytes. */
  readonly query: Digest;
  /** `ok` or `rejected`; its `sequence`, the last number executed before, is not part of the agreement. */
  readonly result: Result;
}

/** A signed query and the digest of its signed bytes, by which it is known. */
export interface SignedQuery extends Signed<Query> {
  /** SHA-256 of `bytes`. */
  readonly digest: Digest;
}

/** Why a replica does not answer a query. */
export type QueryRefusal =
  | "view-change" // it waits for its view to start
  | "state-transfer" // it is fetching a state that it fell behind of
  | "recovering" // it has lost its disk
  | "too-late" // what had been prepared when the query came was not executed in time
  | "overloaded"; // too many queries wait already

/** What becomes of a query at a replica. */
export interface QueryAnswer {
  /** The query's digest. */
  readonly query: Digest;
  /** What to sign and give to whoever asked, or why there is nothing. */
  readonly outcome: QueryReply | QueryRefusal;
}
