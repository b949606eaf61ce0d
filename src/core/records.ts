/**
 * What a replica keeps over a restart.
 * @module
 */
import type { Contradiction } from "./messages/evidence.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "./messages/ids.ts";
import type {
  Batch,
  Checkpoint,
  Commit,
  NewView,
  Prepare,
  PrePrepare,
  Signed,
  Status,
  Suspicion,
  Verified,
  ViewChange,
} from "./messages/messages.ts";

/**
 * What is to be durable. *Binding* records must be so before anything from the same step, or a later one, is sent;
 * *soft* ones ({@linkcode isBinding} is false) may ride along with the next binding one.
 */
export type Record =
  /** The view that the replica is in, or is moving to: then there is no new-view yet. Binding. */
  | ({ readonly kind: "view" } & ViewState)
  /** What it said last of leaving a view, and the furthest view of which it ever said so. Binding. */
  | ({ readonly kind: "suspicion" } & SaidSuspicion)
  /** It accepted this pre-prepare; as a backup it has sent the prepare. One per number, the latest counts. Binding. */
  | { readonly kind: "accepted"; readonly prePrepare: Signed<PrePrepare>; readonly batch: Batch }
  /**
   * What it accepted at this number before, in these views, and keeps the bodies of: all of it, each time. Soft: it changes with
   * `accepted`, which is binding, and may shrink later than is known.
   */
  | {
    readonly kind: "former";
    readonly sequence: SequenceNumber;
    readonly bodies: readonly { readonly view: View; readonly digest: Digest }[];
  }
  /** It has the certificate and has sent the commit. One per number, the latest counts. Binding. */
  | {
    readonly kind: "prepared";
    readonly prePrepare: Signed<PrePrepare>;
    readonly prepares: readonly Signed<Prepare>[];
  }
  /**
   * The batch with this digest was executed at this number, by this quorum of commits, and is to be executed again after a
   * restart. `batch` is given when it is not the one of the `accepted` record. Soft: others can tell us again.
   */
  | {
    readonly kind: "committed";
    readonly sequence: SequenceNumber;
    readonly digest: Digest;
    readonly commits: readonly Signed<Commit>[];
    readonly batch: Batch | null;
  }
  /**
   * It has the state with this root, as a checkpoint of its own or by state transfer; the new blobs of its tree came in
   * `blobs` records before. `retired` is what the tree named until now; kept until `drop-blobs`. Binding.
   */
  | {
    readonly kind: "checkpoint";
    readonly sequence: SequenceNumber;
    readonly root: Digest;
    readonly retired: readonly Digest[];
  }
  /**
   * Blobs that a state transfer has fetched, so that the next life of this replica goes on with them; `null`: the transfer is over.
   * Soft; goes with the blobs, or with the checkpoint.
   */
  | { readonly kind: "fetched"; readonly digests: readonly Digest[] | null }
  /** What is left of the `retired` of that checkpoint: the rest is named again. Soft; goes with the checkpoint that names it. */
  | { readonly kind: "retired"; readonly sequence: SequenceNumber; readonly digests: readonly Digest[] }
  /**
   * The store does not have all that the replica said; this is what it has found out since. `null`: it is over. Binding.
   */
  | { readonly kind: "lost-disk"; readonly found: LostDisk | null }
  /** How far the agreed time is from this replica's clock, ms: the next life goes on from there. None: 0. Soft. */
  | { readonly kind: "clock"; readonly offset: number }
  /** No number above was used for a status or fetch of its own. Binding. */
  | { readonly kind: "numbers"; readonly through: number }
  /** Two messages of one replica that contradict each other. Soft. */
  | { readonly kind: "contradiction"; readonly contradiction: Contradiction }
  /** A quorum of equal checkpoint messages. Binding. */
  | { readonly kind: "stable"; readonly certificate: readonly Signed<Checkpoint>[] }
  /** Content under its digest. Soft by itself; goes with the record that names it, in one commit. */
  | { readonly kind: "blobs"; readonly blobs: ReadonlyMap<Digest, Uint8Array> }
  /** Content that nothing names any more, and the checkpoints whose `retired` lists are done with. Soft. */
  | {
    readonly kind: "drop-blobs";
    readonly digests: readonly Digest[];
    readonly checkpoints: readonly SequenceNumber[];
  }
  /** Everything about numbers up to here can go, batch bodies too. Soft. */
  | { readonly kind: "forget"; readonly through: SequenceNumber };

/** Whether a record must be durable before anything is said. */
export function isBinding(record: Record): boolean {
  switch (record.kind) {
    case "view":
    case "suspicion":
    case "accepted":
    case "prepared":
    case "checkpoint":
    case "stable":
    case "lost-disk":
    case "numbers":
      return true;
    case "former":
    case "committed":
    case "clock":
    case "contradiction":
    case "retired":
    case "fetched":
    case "blobs":
    case "drop-blobs":
    case "forget":
      return false;
  }
}

/** Where a replica is in the succession of views. */
export interface ViewState {
  readonly view: View;
  /** What it said when it left for this view; `null` if it came here by another's new-view, or is in view 0. */
  readonly viewChange: Verified<Signed<ViewChange>> | null;
  /** What started this view; `null` while the replica waits for it, and in view 0. */
  readonly newView: Verified<Signed<NewView>> | null;
}

/** What a replica has said of leaving views. */
export interface SaidSuspicion {
  readonly suspicion: Verified<Signed<Suspicion>>;
  readonly furthest: View;
}

/** What the store gave back at a start. */
export interface Recovered extends ViewState {
  readonly suspicion?: SaidSuspicion;
  readonly accepted: readonly { readonly prePrepare: Verified<Signed<PrePrepare>>; readonly batch: Verified<Batch> }[];
  /** As in the last `former` record of each number, with the bodies. */
  readonly former?: readonly {
    readonly sequence: SequenceNumber;
    readonly view: View;
    readonly batch: Verified<Batch>;
  }[];
  readonly prepared: readonly {
    readonly prePrepare: Verified<Signed<PrePrepare>>;
    readonly prepares: readonly Verified<Signed<Prepare>>[];
  }[];
  readonly committed: readonly {
    readonly sequence: SequenceNumber;
    readonly commits: readonly Verified<Signed<Commit>>[];
    readonly batch: Verified<Batch>;
  }[];
  /** The `retired` lists of checkpoints that `drop-blobs` has not named yet. */
  readonly retired: readonly { readonly sequence: SequenceNumber; readonly digests: readonly Digest[] }[];
  /** What a state transfer that is not over has fetched. */
  readonly fetched?: readonly Digest[];
  /** The last checkpoint that the replica took, whose state is in `blobs`. */
  readonly checkpoint?: { readonly sequence: SequenceNumber; readonly root: Digest };
  readonly stable: readonly Verified<Signed<Checkpoint>>[];
  /**
   * Of `checkpoint`'s state: the root page, and the pages and chunks of the client table; all of them, if the state machine is not
   * loaded by need.
   */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  /** It is set if the store does not have all that the replica said; `bound` as in the record, `null`: not known yet. */
  readonly lostDisk?: LostDisk;
  /** As in the `clock` record. */
  readonly clockOffset?: number;
  /** What the last `numbers` record said. */
  readonly numbers?: number;
  /** What was seen of replicas that contradict themselves. */
  readonly evidence?: readonly Contradiction[];
  /** How long was waited already, if the host keeps that; otherwise the waiting begins anew. */
  readonly timers?: Timers;
}
/** What one of the others has said of itself since the start. */
export type Report = Pick<Status, "stable" | "executed" | "view">;

/** What a replica without a memory finds out. */
export interface LostDisk {
  /** The clock at the start. Only reports that echo it count: others may be old ones that somebody kept. 0: not started. */
  readonly challenge: Millis;
  /** H_M: it can have voted in no number above; `null` until enough of the others have said where they are. */
  readonly bound: SequenceNumber | null;
  /** The highest view for which it is known to have left: the others give it back what it said. */
  readonly left: View;
  /** What each of the others has said: of its view what it said first. */
  readonly reports: ReadonlyMap<ReplicaId, Report>;
}

/** Nothing is found out yet. */
export const NEW_DISK: LostDisk = { challenge: 0 as Millis, bound: null, left: 0 as View, reports: new Map() };

/** The timers of a replica. */
export interface Timers {
  /** The clock at the last step. */
  readonly steppedAt: Millis;
  /** How long the replica has been awake, ms. */
  readonly awakeMs: number;
  /** When it suspects the primary, in time awake; `null` if the timer is stopped. */
  readonly suspectAt: number | null;
  /** The latest time to which hearing from the primary can put that off; `null` if it was not heard. */
  readonly suspectAtLatest: number | null;
  readonly suspectTimeoutMs: number;
  /** How long a round takes, mean and deviation, ms; `null` if nothing was measured yet. */
  readonly roundMs: number | null;
  readonly deviationMs: number;
  /** lastExecuted when progress was last checked. */
  readonly suspectExecuted: SequenceNumber;
  /** When the next status message is due. */
  readonly statusAt: Millis;
  readonly statusDelayMs: number;
  /** lastExecuted when the last status was due. */
  readonly statusExecuted: SequenceNumber;
  /** Whether something was outstanding. */
  readonly busy: boolean;
  /** Until when it waits for answers of its peers; 0 if it has asked none. */
  readonly askedUntil: Millis;
}
