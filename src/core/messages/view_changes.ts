/**
 * What replicas say of views: before they leave one, when they do, and when the next one starts (PBFT §4.4). To leave a view ends a
 * replica's votes in it for good, so nobody leaves alone: a suspicion goes first.
 * @module
 */
import type { ReplicaId, SequenceNumber, View } from "./ids.ts";
import type { Checkpoint, Prepare, PrePrepare, Signed } from "./messages.ts";

/**
 * - `suspects`: the primary of the view below has failed its signer. f + 1 of these are a proof that lets everybody leave.
 * - `agrees`: its signer would follow a hand-over to that view, without blaming anybody. A quorum of these, suspicions among
 *   them, is a proof too.
 * - `withdrawn`: what its signer said before counts no more; things move again.
 */
export type Standing = "suspects" | "agrees" | "withdrawn";

/** ⟨SUSPICION, v, n, i⟩: replica i would move to view v. It goes on voting where it is, and may take that back. */
export interface Suspicion {
  /** Tells it from other messages. */
  readonly kind: "suspicion";
  /** Who signs it. */
  readonly replica: ReplicaId;
  /** The view that it would move to; where it `suspects`, the one after the view whose primary it suspects. */
  readonly view: View;
  /** The last number that it had executed. Suspicions count together only if these are near each other. */
  readonly executed: SequenceNumber;
  /** Counts what its signer has said in this way: of two the higher number holds. */
  readonly number: number;
  /** What it says. */
  readonly standing: Standing;
}

/** A pre-prepare with quorum - 1 matching prepares of distinct backups: the *prepared* certificate (PBFT §4.2). */
export interface PreparedCertificate {
  /** The primary's. */
  readonly prePrepare: Signed<PrePrepare>;
  /** The backups', by ascending replica. */
  readonly prepares: readonly Signed<Prepare>[];
}

/** ⟨VIEW-CHANGE, v, n, C, P, S, i⟩: replica i has left the views below v (PBFT §4.4). Deviation: S, the proof that it may. */
export interface ViewChange {
  /** Tells it from other messages. */
  readonly kind: "view-change";
  /** Who leaves, and signs it. */
  readonly replica: ReplicaId;
  /** The view that it moves to. */
  readonly view: View;
  /** C: the certificate of its last stable checkpoint, by ascending replica; empty at the start. */
  readonly stable: readonly Signed<Checkpoint>[];
  /** P: for each number above that which prepared here, the certificate of the highest view, by ascending number. */
  readonly prepared: readonly PreparedCertificate[];
  /** S: f + 1 suspicions, or a quorum that agrees, for this view, by ascending replica. */
  readonly suspicions: readonly Signed<Suspicion>[];
}

/** ⟨NEW-VIEW, v, V, O⟩: the primary of v starts its view (PBFT §4.4). */
export interface NewView {
  /** Tells it from other messages. */
  readonly kind: "new-view";
  /** The new view's primary, who signs it. */
  readonly replica: ReplicaId;
  /** The view that starts. */
  readonly view: View;
  /** V: view-changes for v of a quorum of distinct replicas, by ascending replica. */
  readonly viewChanges: readonly Signed<ViewChange>[];
  /** O: what V makes of the numbers between its checkpoints and its highest prepared number, by ascending number. */
  readonly prePrepares: readonly Signed<PrePrepare>[];
}
