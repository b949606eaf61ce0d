/**
 * Messages by which replicas that lag catch up: status, decision, stable checkpoint, fetch and blobs.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "./ids.ts";
import type { Checkpoint, Commit } from "./agreement.ts";
import type { SignedMessage } from "./signed.ts";

/** How far a sequence number has come at a replica. goPBFT's `Stage`. */
export type Stage = "idle" | "pre-prepared" | "prepared" | "committed";

/**
 * `active`: the replica's view has started. `leaving`: the replica has left an earlier view and waits for the new-view.
 */
export type Phase = "active" | "leaving";

/** ⟨STATUS⟩: how far replica i is, so that the others can resend what it lacks (PBFT §5.2). */
export interface Status {
  /** The message kind. */
  readonly kind: "status";
  /** The signer. */
  readonly replica: ReplicaId;
  /**
   * Grows with each status and fetch that this replica signs, also across its restarts. So an old one that somebody
   * repeats is recognized.
   */
  readonly number: number;
  /** The view that the replica is in, or is moving to. */
  readonly view: View;
  /** Whether `view` has started at the replica. */
  readonly phase: Phase;
  /** Its last stable checkpoint. */
  readonly stable: SequenceNumber;
  /** Its last executed number. */
  readonly executed: SequenceNumber;
  /**
   * If the replica lost its disk: it votes again once a checkpoint at or above this number is stable. 0: it has not, or
   * does not know the number yet.
   */
  readonly votesAbove: SequenceNumber;
  /**
   * A value that a replica which has just started asks the others to echo, so that it counts only what they say after
   * its start. 0: none.
   */
  readonly challenge: Millis;
  /** The challenge of the receiver that this status answers; 0: none. */
  readonly echo: Millis;
  /** The highest `number` received from the receiver of this status; 0 if it goes to all. */
  readonly seen: number;
  /** The stages of the numbers `executed + 1`, `executed + 2`, … */
  readonly stages: readonly Stage[];
}

/**
 * A quorum of equal commits: it proves to a replica that lags that a number is decided. The commits travel together,
 * because commits of different views do not add up.
 */
export interface Decision {
  /** The message kind. */
  readonly kind: "decision";
  /** The replica that passes it on, and signs it. */
  readonly replica: ReplicaId;
  /** Commits of distinct replicas for one view, number and digest, by ascending replica. */
  readonly commits: readonly SignedMessage<Commit>[];
}

/**
 * The certificate of a stable checkpoint, for a replica that lags. That replica keeps only one checkpoint message of
 * each sender above its window, so single messages might never add up there.
 */
export interface StableCheckpoint {
  /** The message kind. */
  readonly kind: "stable-checkpoint";
  /** The replica that passes it on, and signs it. */
  readonly replica: ReplicaId;
  /** A quorum of equal checkpoint messages, by ascending replica. */
  readonly checkpoints: readonly SignedMessage<Checkpoint>[];
}

/** Asks one replica for content by digest: batch bodies, pages and chunks of the state. */
export interface Fetch {
  /** The message kind. */
  readonly kind: "fetch";
  /** The replica that asks, and signs it. */
  readonly replica: ReplicaId;
  /** See {@linkcode Status.number}. */
  readonly number: number;
  /** The digests of the content it lacks. */
  readonly digests: readonly Digest[];
}

/** Answers a {@linkcode Fetch}. The receiver checks each blob against its digest, so it need not trust the sender. */
export interface Blobs {
  /** The message kind. */
  readonly kind: "blobs";
  /** The replica that answers, and signs it. */
  readonly replica: ReplicaId;
  /** The requested contents that it has, in any order. */
  readonly blobs: readonly Uint8Array[];
}
