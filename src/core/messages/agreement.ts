/**
 * The messages by which replicas agree on an order and on a state (PBFT §4.2, §4.3).
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "./ids.ts";
import type { SignedRequest } from "./requests.ts";

/** ⟨PRE-PREPARE, v, n, d⟩: the primary gives sequence number n to the batch with digest d. */
export interface PrePrepare {
  /** The message kind. */
  readonly kind: "pre-prepare";
  /** The primary of `view`, which signs it. */
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
  /** The backup, which signs it. */
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
