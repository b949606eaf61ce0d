/**
 * The messages of view changes (PBFT §4.4): suspicions, view-changes and new-views. When a replica leaves a view, it
 * can never vote in that view again. So it does not leave alone, but announces a suspicion first.
 * @module
 */
import type { ReplicaId, SequenceNumber, View } from "./ids.ts";
import type { Checkpoint, Prepare, PrePrepare } from "./agreement.ts";
import type { SignedMessage } from "./signed.ts";

/**
 * What a suspicion says about moving to its view:
 *
 * - `suspects`: the signer suspects the primary of the view below. f + 1 of these prove that every replica may leave.
 * - `agrees`: the signer would follow a hand-over to the view, without accusing the primary. A quorum of `agrees` and
 *   `suspects` is a proof too.
 * - `withdrawn`: the signer takes its suspicion back, because requests are executed again.
 */
export type Standing = "suspects" | "agrees" | "withdrawn";

/**
 * ⟨SUSPICION, v, n, i⟩: replica i would move to view v. It goes on voting in its present view, and may take the
 * suspicion back.
 */
export interface Suspicion {
  /** The message kind. */
  readonly kind: "suspicion";
  /** The signer. */
  readonly replica: ReplicaId;
  /** The view that it would move to. If it `suspects`, the view after the one whose primary it suspects. */
  readonly view: View;
  /** The signer's last executed number. Suspicions count together only if these numbers are near each other. */
  readonly executed: SequenceNumber;
  /** The signer numbers its suspicions. The one with the highest number holds. */
  readonly number: number;
  /** What the signer says about moving to `view`. */
  readonly standing: Standing;
}

/** The *prepared* certificate: a pre-prepare with quorum - 1 matching prepares of distinct backups (PBFT §4.2). */
export interface PreparedCertificate {
  /** The primary's pre-prepare. */
  readonly prePrepare: SignedMessage<PrePrepare>;
  /** The backups' prepares, by ascending replica. */
  readonly prepares: readonly SignedMessage<Prepare>[];
}

/**
 * ⟨VIEW-CHANGE, v, n, C, P, S, i⟩: replica i has left the views below v (PBFT §4.4). Deviation: S proves that it may
 * leave.
 */
export interface ViewChange {
  /** The message kind. */
  readonly kind: "view-change";
  /** The replica that leaves, which signs it. */
  readonly replica: ReplicaId;
  /** The view that it moves to. */
  readonly view: View;
  /** C: the certificate of its last stable checkpoint, by ascending replica; empty before the first. */
  readonly stable: readonly SignedMessage<Checkpoint>[];
  /**
   * P: for each number above that checkpoint that has prepared at the signer, the certificate of the highest view; by
   * ascending number.
   */
  readonly prepared: readonly PreparedCertificate[];
  /** S: for this view, f + 1 that suspect or a quorum that agree, by ascending replica. */
  readonly suspicions: readonly SignedMessage<Suspicion>[];
}

/** ⟨NEW-VIEW, v, V, O⟩: the primary of v starts its view (PBFT §4.4). */
export interface NewView {
  /** The message kind. */
  readonly kind: "new-view";
  /** The primary of the new view, which signs it. */
  readonly replica: ReplicaId;
  /** The view that starts. */
  readonly view: View;
  /** V: view-changes for v from a quorum of distinct replicas, by ascending replica. */
  readonly viewChanges: readonly SignedMessage<ViewChange>[];
  /**
   * O: the pre-prepares that follow from V, for each number from its highest checkpoint to its highest prepared number,
   * ascending.
   */
  readonly prePrepares: readonly SignedMessage<PrePrepare>[];
}
