/**
 * Reads without ordering (PBFT §5.1.3): a client asks every replica, and each answers from its own state.
 * @module
 */
import type { ClientId, Digest, ReplicaId, View } from "./ids.ts";
import type { Result } from "./requests.ts";
import type { SignedMessage } from "./signed.ts";

/** The most operations in one query. All are answered in one step, so more would delay votes. */
export const MAX_QUERY_OPERATIONS = 64;

/** A signed client's reads. The client accepts a result that a quorum of replicas gives alike, for each operation by itself. */
export interface Query {
  /** The message kind. */
  readonly kind: "query";
  /** The client, which signs it. */
  readonly client: ClientId;
  /** Unique for each query of a client, so that no earlier answer counts for a later query. */
  readonly nonce: number;
  /** The read operations for the state machine: 1 to {@linkcode MAX_QUERY_OPERATIONS}. */
  readonly operations: readonly Uint8Array[];
}

/** One replica's answers. They prove nothing without a quorum of equal ones. */
export interface QueryReply {
  /** The message kind. */
  readonly kind: "query-reply";
  /** The signer. */
  readonly replica: ReplicaId;
  /** The replica's view. It may differ between equal answers. */
  readonly view: View;
  /** Digest of the query's signed bytes. */
  readonly query: Digest;
  /**
   * The results of the first operations, in their order: at least one, and fewer than there are operations if more
   * would be too long. A `status` is `ok` or `rejected`. The `sequence` is the replica's last executed number and may
   * differ between equal answers.
   */
  readonly results: readonly Result[];
}

/** A signed query, identified by the digest of its signed bytes. */
export interface SignedQuery extends SignedMessage<Query> {
  /** SHA-256 of `bytes`. */
  readonly digest: Digest;
}

/** Why a replica does not answer a query. */
export type QueryRefusal =
  | "view-change" // the replica waits for its view to start
  | "state-transfer" // the replica is fetching a state, because it has fallen behind
  | "recovering" // the replica has lost its disk, or has just started, and may not vote yet
  | "too-late" // a number that was prepared when the query came was not executed in time
  | "overloaded"; // too many queries wait already

/** The outcome of a query at a replica. */
export interface QueryAnswer {
  /** The query's digest. */
  readonly query: Digest;
  /** The answer to sign and send, or the reason why there is none. */
  readonly outcome: QueryReply | QueryRefusal;
}
