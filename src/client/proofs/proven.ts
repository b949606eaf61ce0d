/**
 * Proofs, and what they prove.
 * @module
 */
import type { Statement } from "../../core/messages/evidence.ts";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type { AnyRequest, Result, Signed } from "../../core/messages/messages.ts";
import type { WatchedKeys } from "../watch/events.ts";

/** A proof of the result of one operation. */
export interface Receipt {
  /** The frame of the signed request that carried the operation. */
  readonly request: Uint8Array;
  /** The frames of f + 1 signed replies. */
  readonly replies: readonly Uint8Array[];
  /** The index of the operation in the request. */
  readonly index: number;
}

/** The result that a receipt proves. */
export interface ProvenResult {
  /** The public key of the client. */
  readonly client: ClientId;
  /** The client's session. */
  readonly session: number;
  /** The request's timestamp in that session. */
  readonly timestamp: number;
  /** The operation. */
  readonly operation: Uint8Array;
  /** The result of the operation, and its sequence number. */
  readonly result: Result;
  /** The replicas whose signatures prove it, in ascending order. */
  readonly voters: readonly ReplicaId[];
  /** Their names, in the epoch in which they signed. */
  readonly signers: readonly string[];
}

/** What the signatures of a change prove. */
export interface ProvenChange {
  /** The number of the batch that made it. */
  readonly sequence: SequenceNumber;
  /** The subject of the watch: the statements say nothing of other keys. */
  readonly watch: WatchedKeys | { readonly batches: true };
  /** The replicas whose signatures prove it, in ascending order. */
  readonly voters: readonly ReplicaId[];
  /** Their names, in the epoch in which they signed. */
  readonly signers: readonly string[];
}

/** The content of a verified batch. */
export interface ExecutedBatch {
  /** Its sequence number. */
  readonly sequence: SequenceNumber;
  /** The time that the replicas agreed on for it, Unix ms; 0 for a null request. */
  readonly timestamp: Millis;
  /** The signed requests of clients and gateways, in order. Some may have been executed before, or refused. */
  readonly requests: readonly Signed<AnyRequest>[];
}

/** Proven misconduct: this member signed two messages of which a correct replica signs only one. */
export interface Misconduct {
  /** The replica. */
  readonly accused: ReplicaId;
  /** Its name in that epoch. */
  readonly name: string;
  /** Its public key. */
  readonly publicKey: string;
  /** The epoch for which it has signed both messages. */
  readonly epoch: number;
  /** The kind of both messages. */
  readonly kind: Statement["kind"];
  /** The view of both messages; `null` for checkpoints. */
  readonly view: View | null;
  /** The sequence number of both messages; `null` for view-changes. */
  readonly sequence: SequenceNumber | null;
  /** The digests of the two messages; `null` for view-changes, which have none. */
  readonly digests: readonly [Digest, Digest] | null;
}
