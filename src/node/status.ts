/**
 * The status of a node.
 * @module
 */
import type { Terms } from "../core/config.ts";
import { lowWatermarkOf } from "../core/messages/certificates.ts";
import { type Digest, type Millis, type ReplicaId, sequenceNumber } from "../core/messages/ids.ts";
import type { ReplicaStatus } from "../core/io.ts";
import type { StoredState } from "../core/records.ts";
import { primaryOf } from "../core/messages/quorum.ts";
import type { InputFault, LinkStatus } from "./ports.ts";

/** The status of the outbox for one peer. */
export interface OutboxStatus {
  /** The receiver. */
  readonly peer: ReplicaId;
  /** Queued frames. */
  readonly depth: number;
  /** Bytes of the queued frames. */
  readonly bytes: number;
  /** Frames dropped since the start, because the queue was full or a delivery failed. */
  readonly dropped: number;
  /** Failed deliveries since the start. */
  readonly failures: number;
  /** Why deliveries fail now, and since when on the wall clock; `null` if the peer is reachable as far as known. */
  readonly unreachable: { readonly reason: string; readonly since: Millis } | null;
  /** The state of the connection, where the transport knows it. */
  readonly link?: LinkStatus;
}

/** The status of a node, for people, `/status` and `/metrics`. */
export interface NodeStatus {
  /** The member's name in the genesis. */
  readonly name: string;
  /** The replica's number in the genesis. */
  readonly self: ReplicaId;
  /** The status of the core. While the replica is reloaded or halted, it is the last one known. */
  readonly replica: ReplicaStatus;
  /** One for each peer, in ascending order. */
  readonly outboxes: readonly OutboxStatus[];
  /** The other members that are in reach and, as far as is known, in this replica's view; ascending. */
  readonly inReach: readonly ReplicaId[];
  /** Frames received and not yet answered. */
  readonly inbox: number;
  /** Store commits since the start. */
  readonly commits: number;
  /** Number of reloads from the store since the start. */
  readonly reloads: number;
  /**
   * Inputs on which the core threw since the start. Each was dropped, and the replica was reloaded. Expected: 0;
   * anything else is a bug.
   */
  readonly inputFaults: number;
  /** The last such input. */
  readonly lastInputFault?: InputFault;
  /** Set while the replica is being loaded from its store; it answers nothing meanwhile. */
  readonly isReloading?: true;
  /** Why commits to the store fail now. The node keeps trying. */
  readonly storeError?: string;
  /** Why the replica has halted, if it has. */
  readonly halted?: string;
}

/** The status of a replica that is not running, as far as its records show. */
export function dormantStatus(genesis: Terms, storedState: StoredState): ReplicaStatus {
  const low = lowWatermarkOf(storedState.stable, genesis);
  return {
    view: storedState.view,
    primary: primaryOf(storedState.view, genesis.replicas.length),
    active: storedState.view === 0 || storedState.newView !== null,
    lastExecuted: storedState.checkpoint?.sequence ?? sequenceNumber(0),
    lowWatermark: low,
    highWatermark: sequenceNumber(low + genesis.logWindow),
    slots: [],
    pendingRequests: 0,
    sessions: 0,
    names: 0,
    stateRoot: storedState.checkpoint?.root ?? null,
    history: "0".repeat(64) as Digest,
    agreedTime: 0 as Millis,
    alarmAt: null,
    transferring: false,
    recovering: false,
    evidence: storedState.evidence ?? [],
  };
}
