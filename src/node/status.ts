/**
 * What a node tells about itself.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../core/messages/ids.ts";
import type { ReplicaStatus } from "../core/io.ts";
import type { Recovered } from "../core/records.ts";
import { primaryOf } from "../core/messages/quorum.ts";
import type { InputFault, LinkStatus } from "./ports.ts";

/** What waits for one peer. */
export interface OutboxStatus {
  /** Whom it is for. */
  readonly peer: ReplicaId;
  /** Frames that wait. */
  readonly depth: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Frames dropped since the start, because too many waited or a delivery failed. */
  readonly dropped: number;
  /** Deliveries that failed since the start. */
  readonly failures: number;
  /** Why nothing can be delivered now, and since when (the wall clock); `null`: it can, as far as is known. */
  readonly unreachable: { readonly reason: string; readonly since: Millis } | null;
  /** The way to it, where the transport tells. */
  readonly link?: LinkStatus;
}

/** A node's state, for people, `/status` and `/metrics`. */
export interface NodeStatus {
  /** The member's name in the genesis. */
  readonly name: string;
  /** The replica's id: its place in the genesis. */
  readonly self: ReplicaId;
  /** While the replica is reloaded from its store, or halted: as it was last. */
  readonly replica: ReplicaStatus;
  /** By ascending peer. */
  readonly outboxes: readonly OutboxStatus[];
  /** The other members that are in touch, ascending, and in this replica's view as far as it knows. */
  readonly inReach: readonly ReplicaId[];
  /** Frames taken in and not yet answered. */
  readonly inbox: number;
  /** Store commits since the start. */
  readonly commits: number;
  /** Times that the replica was thrown away and reloaded from its store since the start. */
  readonly reloads: number;
  /** Inputs on which the core threw since the start. Each was dropped, and the replica reloaded. It should be 0: anything else is a bug. */
  readonly inputFaults: number;
  /** The last of them. */
  readonly lastInputFault?: InputFault;
  /** It is there while the replica is being read from its store, and answers nothing. */
  readonly isReloading?: true;
  /** Why the store does not take commits now; the node keeps trying. */
  readonly storeError?: string;
  /** Why the replica stopped for good, if it did. */
  readonly halted?: string;
}

/** The status of a replica that does not run, as far as its records tell it. */
export function dormantStatus(genesis: Genesis, recovered: Recovered): ReplicaStatus {
  const low = recovered.stable[0]?.message.sequence ?? (0 as SequenceNumber);
  return {
    view: recovered.view,
    primary: primaryOf(recovered.view, genesis.replicas.length),
    active: recovered.view === 0 || recovered.newView !== null,
    lastExecuted: recovered.checkpoint?.sequence ?? (0 as SequenceNumber),
    lowWatermark: low,
    highWatermark: (low + genesis.logWindow) as SequenceNumber,
    slots: [],
    pendingRequests: 0,
    sessions: 0,
    names: 0,
    stateRoot: recovered.checkpoint?.root ?? null,
    history: "0".repeat(64) as Digest,
    agreedTime: 0 as Millis,
    alarmAt: null,
    transferring: false,
    hasLostDisk: false,
    evidence: recovered.evidence ?? [],
  };
}
