/**
 * What observers are told.
 * @module
 */
import type { ClientId, Digest, ReplicaId, SequenceNumber, View } from "./messages/ids.ts";
import type { MessageKind, Stage } from "./messages/messages.ts";

/** Why a message changed nothing. None of these is an error of ours. */
export type DiscardReason =
  | "other-view" // of a view that the replica is not in
  | "outside-watermarks"
  | "not-the-primary" // a pre-prepare of a replica that is not the primary of its view
  | "from-the-primary" // a prepare of the primary of its view, whose pre-prepare stands for it
  | "conflicting" // its sender has said something else at that place: kept as evidence
  | "duplicate"
  | "already-executed"
  | "buffer-full"
  | "invalid-certificate" // a view-change or new-view that does not follow from what it carries
  | "too-soon" // a status again before an answer to the last one makes sense
  | "superseded" // its sender has said something else since
  | "not-wanted"; // a blob that nobody asked for

/** Why a replica suspects a primary. */
export type SuspicionReason =
  | "no-progress" // requests wait and nothing was executed for the view timeout
  | "overtaken" // a request waits while others' later ones were executed
  | "slow-time" // the primary freezes the agreed time, or lets it lag
  | "slow-primary" // a request waits although the primary has room for it
  | "no-new-view"; // the view's primary did not start it in time

/** Why a replica leaves a view. */
export type LeaveReason =
  | "suspected" // f + 1 replicas suspect its primary
  | "handed-over" // a quorum agrees to the next view, and blames nobody
  | "others-left"; // others have left, and show why they may

/** What happened, for observers: metrics, logs, the event stream. Carries nothing secret. */
export type Event =
  | { readonly kind: "request-received"; readonly digest: Digest }
  | {
    readonly kind: "stage";
    readonly stage: Exclude<Stage, "idle"> | "executed";
    readonly view: View;
    readonly sequence: SequenceNumber;
    readonly requests: number;
    readonly operations: number;
    readonly bytes: number;
  }
  | { readonly kind: "checkpoint-taken"; readonly sequence: SequenceNumber; readonly root: Digest }
  | { readonly kind: "checkpoint-stable"; readonly sequence: SequenceNumber; readonly root: Digest }
  /** A replica that had lost its disk votes again: a checkpoint at this number is stable. */
  | { readonly kind: "recovered"; readonly sequence: SequenceNumber }
  /** It has said that it would move to this view: because it suspects the primary, and why; to hand over; or not any more. */
  | { readonly kind: "suspicion"; readonly view: View; readonly why: SuspicionReason | "hand-over" | "withdrawn" }
  /** The others gave back what this replica has said and its store does not know of: an old copy. It goes on as if its disk were lost. */
  | { readonly kind: "old-copy"; readonly message: MessageKind; readonly sequence: SequenceNumber | null }
  /** It has left for this view, and why. */
  | { readonly kind: "view-change"; readonly view: View; readonly why: LeaveReason }
  /** The view has started here. `prepared`: how many numbers were carried over. */
  | { readonly kind: "new-view"; readonly view: View; readonly primary: ReplicaId; readonly prepared: number }
  | { readonly kind: "state-transfer"; readonly phase: "started" | "finished"; readonly sequence: SequenceNumber }
  /**
   * The state machine threw something other than an `OperationError`, returned something other than bytes, or could not give its state:
   * a bug in it. `stack` is for its author; it is not in `/events`.
   */
  | {
    readonly kind: "operation-failed";
    readonly sequence: SequenceNumber;
    readonly error: string;
    readonly stack: string | null;
  }
  /** A replica has contradicted itself: both messages are kept as evidence. */
  | {
    readonly kind: "contradiction";
    readonly message: MessageKind;
    readonly accused: ReplicaId;
    /** `null`: the two are view-changes. */
    readonly sequence: SequenceNumber | null;
  }
  | {
    readonly kind: "discarded";
    readonly message: MessageKind | "blob";
    readonly from: ReplicaId | ClientId | null;
    readonly reason: DiscardReason;
  };
