/**
 * Events for observers: what happened in a replica.
 * @module
 */
import type { ClientId, Digest, ReplicaId, SequenceNumber, View } from "./messages/ids.ts";
import type { MessageKind, Stage } from "./messages/messages.ts";

/** Why a message was discarded. None of these is an error of this replica. */
export type DiscardReason =
  | "other-view" // of a view in which the replica is not
  | "outside-watermarks"
  | "not-the-primary" // a pre-prepare of a replica that is not the primary of its view
  | "from-the-primary" // a prepare of the primary; its pre-prepare stands for it
  | "conflicting" // its sender has sent another message in its place before: both are kept as evidence
  | "duplicate"
  | "already-executed"
  | "buffer-full"
  | "invalid-certificate" // a certificate, view-change or new-view that does not prove what it claims
  | "too-soon" // a status whose sender has used up its allowance of answers
  | "superseded" // its sender has sent a later one
  | "not-wanted" // a blob that was not requested
  | "unknown-own"; // a vote of this replica that it does not know, returned by a peer: its store was lost or is an old copy

/** Why a replica suspects a primary. */
export type SuspicionReason =
  | "no-progress" // requests wait, and nothing was executed for the view timeout
  | "overtaken" // a request waits while later ones of others were executed
  | "slow-time" // the primary freezes the agreed time, or lets it lag
  | "slow-primary" // a request waits although the primary's batches had room, or its proposal is far ahead in time
  | "no-new-view"; // the primary of the new view did not start it in time

/** Why a replica leaves a view. */
export type LeaveReason =
  | "suspected" // f + 1 replicas suspect its primary
  | "handed-over" // a quorum agrees to a hand-over; nobody is accused
  | "others-moved"; // others have moved already, and their view-changes prove that they may

/** Something that happened in a replica, for metrics, logs and the event stream. Events carry nothing secret. */
export type ReplicaEvent =
  | { readonly kind: "request-received"; readonly digest: Digest }
  | {
    readonly kind: "stage";
    readonly stage: Exclude<Stage, "idle"> | "executed";
    readonly view: View;
    readonly sequence: SequenceNumber;
    readonly requests: number;
    readonly operations: number;
    readonly bytes: number;
    /** The digests of the batch and of its requests, where `Environment.namesRequests` is set. */
    readonly batch?: { readonly digest: Digest; readonly requests: readonly Digest[] };
  }
  | { readonly kind: "checkpoint-taken"; readonly sequence: SequenceNumber; readonly root: Digest }
  | { readonly kind: "checkpoint-stable"; readonly sequence: SequenceNumber; readonly root: Digest }
  /** A replica that had lost its disk votes again: a checkpoint at this number is stable. */
  | { readonly kind: "recovered"; readonly sequence: SequenceNumber }
  /**
   * The replica announced that it would move to this view: because it suspects the primary (with the reason), or for a
   * hand-over; or it withdrew that.
   */
  | { readonly kind: "suspicion"; readonly view: View; readonly why: SuspicionReason | "hand-over" | "withdrawn" }
  /**
   * The others returned a message of this replica that its store does not know, so the store is an old copy. The
   * replica recovers as after a lost disk.
   */
  | { readonly kind: "old-copy"; readonly message: MessageKind; readonly sequence: SequenceNumber | null }
  /** The replica has left for this view. */
  | { readonly kind: "view-change"; readonly view: View; readonly why: LeaveReason }
  /** The view has started at the replica. `prepared`: how many numbers were carried over. */
  | { readonly kind: "new-view"; readonly view: View; readonly primary: ReplicaId; readonly prepared: number }
  /** A `configure` was accepted: the epoch, with the configuration of this hash, begins after this number. */
  | {
    readonly kind: "configured";
    readonly epoch: number;
    readonly configuration: Digest;
    readonly closesAt: SequenceNumber;
  }
  /** The checkpoint at this number has closed the epoch before this one. */
  | { readonly kind: "epoch-closed"; readonly epoch: number; readonly sequence: SequenceNumber }
  /** The state was made that of a new version of the state machine, at this number. */
  | { readonly kind: "migrated"; readonly version: string; readonly sequence: SequenceNumber }
  /** The migration threw: the former version stays in force. `stack` is not shown in `/events`. */
  | {
    readonly kind: "migration-failed";
    readonly version: string;
    readonly sequence: SequenceNumber;
    readonly error: string;
    readonly stack: string | null;
  }
  /** The replica lacks a version of the state machine, or its migration, to close the epoch. */
  | { readonly kind: "version-missing"; readonly version: string }
  | { readonly kind: "state-transfer"; readonly phase: "started" | "finished"; readonly sequence: SequenceNumber }
  /**
   * A bug in the state machine: it threw something other than an `OperationError`, returned something other than bytes,
   * or could not give its state. `stack` is for its author and is not shown in `/events`.
   */
  | {
    readonly kind: "operation-failed";
    readonly sequence: SequenceNumber;
    readonly error: string;
    readonly stack: string | null;
  }
  /** Blobs that were damaged in the store were fetched from the others and stored again. */
  | { readonly kind: "repaired"; readonly blobs: number }
  /** A replica has contradicted itself. Both messages are kept as evidence. */
  | {
    readonly kind: "contradiction";
    readonly message: MessageKind;
    readonly accused: ReplicaId;
    /** `null` if the two messages are view-changes. */
    readonly sequence: SequenceNumber | null;
  }
  | {
    readonly kind: "discarded";
    readonly message: MessageKind | "blob";
    readonly from: ReplicaId | ClientId | null;
    readonly reason: DiscardReason;
  };
