/**
 * What replicas say to each other so that those who lag catch up.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "./ids.ts";
import type { Checkpoint, Commit, Signed } from "./messages.ts";

/** How far a sequence number has come at a replica; goPBFT's `Stage`. */
export type Stage = "idle" | "pre-prepared" | "prepared" | "committed";

/** `active`: its view has started; `leaving`: it has left the view before and waits for the new-view. */
export type Phase = "active" | "leaving";

/** ⟨STATUS⟩: where replica i is, so that the others can resend what it lacks (PBFT §5.2). */
export interface Status {
  /** Tells it from other messages. */
  readonly kind: "status";
  /** Who signs it. */
  readonly replica: ReplicaId;
  /** Grows with each status and fetch that its sender signs, also over its restarts: an old one that somebody repeats counts no more. */
  readonly number: number;
  /** The view that it is in, or is moving to. */
  readonly view: View;
  /** Which of both. */
  readonly phase: Phase;
  /** Its last stable checkpoint. */
  readonly stable: SequenceNumber;
  /** Its last executed number. */
  readonly executed: SequenceNumber;
  /** Its sender has lost its disk and votes again once a checkpoint at or above this number is stable; 0: it has not. */
  readonly votesAbove: SequenceNumber;
  /** What one that has started has the others echo: only what they say after that counts; 0: it asks nothing. */
  readonly challenge: Millis;
  /** The challenge of the one that this is sent to; 0: to all. */
  readonly echo: Millis;
  /** The highest number that came of the one that this is sent to; 0: to all. */
  readonly seen: number;
  /** The stages of the numbers `executed + 1`, `executed + 2`, … */
  readonly stages: readonly Stage[];
}

/**
 * A quorum of equal commits: proof for a replica that lags that a number is decided. Commits of several views don't add up, so
 * they travel together.
 */
export interface Decision {
  /** Tells it from other messages. */
  readonly kind: "decision";
  /** Who passes it on, and signs it. */
  readonly replica: ReplicaId;
  /** Of distinct replicas, for one view, number and digest; by ascending replica. */
  readonly commits: readonly Signed<Commit>[];
}

/**
 * A stable checkpoint's certificate, for a replica that lags: of each sender it keeps one checkpoint above its window, so that the
 * messages by themselves might never add up there.
 */
export interface StableCheckpoint {
  /** Tells it from other messages. */
  readonly kind: "stable-checkpoint";
  /** Who passes it on, and signs it. */
  readonly replica: ReplicaId;
  /** A quorum of equal ones, by ascending replica. */
  readonly checkpoints: readonly Signed<Checkpoint>[];
}

/** Asks one replica for content by its digest: batch bodies, state pages, state chunks. */
export interface Fetch {
  /** Tells it from other messages. */
  readonly kind: "fetch";
  /** Who asks, and signs it. */
  readonly replica: ReplicaId;
  /** As in a {@linkcode Status}. */
  readonly number: number;
  /** What it lacks. */
  readonly digests: readonly Digest[];
}

/** Answers a {@linkcode Fetch}; each blob is known by its digest, so its sender need not be believed. */
export interface Blobs {
  /** Tells it from other messages. */
  readonly kind: "blobs";
  /** Who answers, and signs it. */
  readonly replica: ReplicaId;
  /** Those of the contents asked for that it has, in any order. */
  readonly blobs: readonly Uint8Array[];
}
