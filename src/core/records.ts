/**
 * Records: what a replica stores, and what it is rebuilt from at a start.
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
 * A record to store. *Binding* records must be durable before any message of the same step or of a later one is sent.
 * *Soft* records ({@linkcode isBinding} is false) may be stored together with the next binding one.
 */
export type Record =
  /** The view that the replica is in. Without a new-view it is moving to that view. Binding. */
  | ({ readonly kind: "view" } & ViewState)
  /** The last suspicion that the replica has announced, and the highest view of all its suspicions. Binding. */
  | ({ readonly kind: "suspicion" } & OwnSuspicion)
  /**
   * The replica accepted this pre-prepare; as a backup it sent the prepare. One per number, the latest counts. Binding.
   */
  | { readonly kind: "accepted"; readonly prePrepare: Signed<PrePrepare>; readonly batch: Batch }
  /**
   * The former bodies of this number: digests accepted before, and the views in which they were. The whole list each
   * time. Soft: it changes together with `accepted`, which is binding, and no harm comes if it shrinks late.
   */
  | {
    readonly kind: "former";
    readonly sequence: SequenceNumber;
    readonly bodies: readonly { readonly view: View; readonly digest: Digest }[];
  }
  /** The replica has the prepared certificate and sent the commit. One per number, the latest counts. Binding. */
  | {
    readonly kind: "prepared";
    readonly prePrepare: Signed<PrePrepare>;
    readonly prepares: readonly Signed<Prepare>[];
  }
  /**
   * The batch with this digest was executed at this number by this quorum of commits, and is executed again after a
   * restart. `batch` is set if it is not the one of the `accepted` record. Soft: others can supply it again.
   */
  | {
    readonly kind: "committed";
    readonly sequence: SequenceNumber;
    readonly digest: Digest;
    readonly commits: readonly Signed<Commit>[];
    readonly batch: Batch | null;
  }
  /**
   * The replica has the state with this root, by its own checkpoint or by state transfer. The new blobs came in `blobs`
   * records before. `retired`: the digests that the tree no longer names; they are kept until `drop-blobs`. Binding.
   */
  | {
    readonly kind: "checkpoint";
    readonly sequence: SequenceNumber;
    readonly root: Digest;
    readonly retired: readonly Digest[];
  }
  /**
   * Blobs that a state transfer has fetched, or a checkpoint in slices has made, so that they are used or dropped after a
   * restart; `null`: it is over. Soft; stored together with the blobs, or with the checkpoint.
   */
  | { readonly kind: "fetched"; readonly digests: readonly Digest[] | null }
  /**
   * The rest of a checkpoint's `retired` list, when a later checkpoint names some of it again. Soft; stored together
   * with that checkpoint.
   */
  | { readonly kind: "retired"; readonly sequence: SequenceNumber; readonly digests: readonly Digest[] }
  /**
   * The store lacks messages that the replica has sent, and this is its knowledge since; `null`: the recovery
   * is over. Binding.
   */
  | { readonly kind: "lost-disk"; readonly found: LostDisk | null }
  /**
   * The difference between the agreed time and this replica's clock, ms, for the next start; 0 if never stored. Soft.
   */
  | { readonly kind: "clock"; readonly offset: number }
  /** The upper bound on the numbers used for own statuses and fetches. Binding. */
  | { readonly kind: "numbers"; readonly through: number }
  /** Two messages of one replica that contradict each other. Soft. */
  | { readonly kind: "contradiction"; readonly contradiction: Contradiction }
  /** The certificate of a stable checkpoint. Binding. */
  | { readonly kind: "stable"; readonly certificate: readonly Signed<Checkpoint>[] }
  /**
   * Blobs by their digests. Soft by itself; stored in one commit with the record that names them. Binding if they replace
   * damaged ones (`isRepair`), which stored records name already.
   */
  | { readonly kind: "blobs"; readonly blobs: ReadonlyMap<Digest, Uint8Array>; readonly isRepair?: true }
  /** Blobs that nothing names any more, and the checkpoints whose `retired` lists are done with. Soft. */
  | {
    readonly kind: "drop-blobs";
    readonly digests: readonly Digest[];
    readonly checkpoints: readonly SequenceNumber[];
  }
  /** All records about numbers up to this one can be removed, batch bodies too. Soft. */
  | { readonly kind: "forget"; readonly through: SequenceNumber };

/** Whether a record must be durable before any message is sent. */
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
    case "blobs":
      return record.isRepair ?? false;
    case "former":
    case "committed":
    case "clock":
    case "contradiction":
    case "retired":
    case "fetched":
    case "drop-blobs":
    case "forget":
      return false;
  }
}

/** The view of a replica, and how it came there. */
export interface ViewState {
  readonly view: View;
  /** Its own view-change for this view; `null` in view 0, or if it came here by a new-view or without leaving. */
  readonly viewChange: Verified<Signed<ViewChange>> | null;
  /** The new-view that started this view; `null` while the replica waits for it, and in view 0. */
  readonly newView: Verified<Signed<NewView>> | null;
}

/** The last suspicion of a replica, and the highest view of all its suspicions. */
export interface OwnSuspicion {
  readonly suspicion: Verified<Signed<Suspicion>>;
  readonly furthest: View;
}

/** The content of a replica's store at a start, from which its state is rebuilt. */
export interface StoredState extends ViewState {
  readonly suspicion?: OwnSuspicion;
  readonly accepted: readonly { readonly prePrepare: Verified<Signed<PrePrepare>>; readonly batch: Verified<Batch> }[];
  /** The former bodies of each number, as in its last `former` record. */
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
  /** The `retired` lists that no `drop-blobs` record has named yet. */
  readonly retired: readonly { readonly sequence: SequenceNumber; readonly digests: readonly Digest[] }[];
  /** The blobs that an unfinished state transfer has fetched. */
  readonly fetched?: readonly Digest[];
  /** The last checkpoint of the replica. Its state is in `blobs`. */
  readonly checkpoint?: { readonly sequence: SequenceNumber; readonly root: Digest };
  readonly stable: readonly Verified<Signed<Checkpoint>>[];
  /**
   * Blobs of the checkpoint's state: the root page, and the pages and chunks of the client table. If the state machine
   * is not loaded lazily, all blobs.
   */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  /** Set while the replica recovers from a lost disk. */
  readonly lostDisk?: LostDisk;
  /** The value of the last `clock` record. */
  readonly clockOffset?: number;
  /** The value of the last `numbers` record. */
  readonly numbers?: number;
  /** The stored contradictions of other replicas. */
  readonly evidence?: readonly Contradiction[];
  /** The stored timers, if the host stores them; otherwise timers begin anew. */
  readonly timers?: Timers;
}
/** What one of the others has said in its status since the start. */
export type Report = Pick<Status, "stable" | "executed" | "view">;

/** What a replica that lost its disk has found out. */
export interface LostDisk {
  /**
   * The clock at the start. Only statuses that echo it count, because others may be old ones that somebody kept. 0: not
   * started.
   */
  readonly challenge: Millis;
  /** H_M: the highest number in which it can have voted; `null` until enough of the others have reported. */
  readonly bound: SequenceNumber | null;
  /** The highest view for which it is known to have left: the others return its own view-changes. */
  readonly left: View;
  /** The reports of the others. Of each one's view the first report counts. */
  readonly reports: ReadonlyMap<ReplicaId, Report>;
}

/** The state at the beginning of a recovery. */
export const NEW_RECOVERY: LostDisk = { challenge: 0 as Millis, bound: null, left: 0 as View, reports: new Map() };

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
  /** When the next status is due. */
  readonly statusAt: Millis;
  readonly statusDelayMs: number;
  /** lastExecuted when the last status was due. */
  readonly statusExecuted: SequenceNumber;
  /** Whether something was outstanding. */
  readonly busy: boolean;
  /** Until when it waits for answers of its peers; 0 if it has asked none. */
  readonly askedUntil: Millis;
  /** The hand-overs to which it agreed last. Without them each start would agree anew. */
  readonly handOvers: readonly AgreedHandOver[];
}

/** A hand-over to which a replica has agreed. */
export interface AgreedHandOver {
  /** Who was granted it; `null`: f + 1 others agreed. */
  readonly replica: ReplicaId | null;
  readonly view: View;
  /** When, by the clock, in whole seconds. */
  readonly at: Millis;
  /** How many of those that this replica was granted led to a view that failed. */
  readonly failed: number;
}
