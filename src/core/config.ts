/**
 * The genesis, which all members share and whose hash identifies the cluster, and the settings that each replica
 * chooses for itself.
 * @module
 */

import type { Digest, SequenceNumber } from "./messages/ids.ts";

export { MIN_NAME_IDLE_MS } from "./clients/name_idle.ts";

/** A member of the cluster. Its {@link ReplicaId} is its index in {@linkcode Genesis.replicas}. */
export interface Member {
  /** A short unique name, such as `Apple`. */
  readonly name: string;
  /** Ed25519 public key, 64 lower-case hex digits. */
  readonly publicKey: string;
}

/**
 * Limits that decide which batches are valid and which operations are executed. They are equal at all replicas; otherwise the
 * replicas would diverge.
 */
export interface Limits {
  /** The largest signed request, bytes. */
  readonly maxRequestBytes: number;
  /** The most operations in one request. */
  readonly maxRequestOperations: number;
  /** The largest batch body, bytes. At least {@linkcode maxRequestBytes} plus 1 KiB. */
  readonly maxBatchBytes: number;
  /** The most requests in one batch. */
  readonly maxBatchRequests: number;
  /** The largest result of one operation, bytes. An operation with a larger one is rejected. */
  readonly maxResultBytes: number;
  /** How many timestamps of one session, or of one unsigned name, can be in flight or remembered. */
  readonly sessionWindow: number;
  /** The most bytes of stored replies per session; beyond it the client must acknowledge replies first. */
  readonly maxSessionReplyBytes: number;
  /** The most open sessions. */
  readonly maxSessions: number;
  /** A session that was used less than this long ago is never evicted, ms of agreed time. */
  readonly sessionIdleMs: number;
  /** The most remembered names of unsigned clients. */
  readonly maxNames: number;
  /**
   * How long a name is remembered at least after its last operation, ms of agreed time. At least
   * {@linkcode MIN_NAME_IDLE_MS}.
   */
  readonly nameIdleMs: number;
  /** How far a primary's timestamp may run ahead of a backup's clock, or of its estimate of the agreed time, ms. */
  readonly maxClockSkewMs: number;
}

/**
 * The definition of a cluster. Its hash is the cluster id, to which every signature is bound. It has no URLs, because
 * those may change.
 */
export interface Genesis {
  /** A name for people. It is part of the identity too. */
  readonly name: string;
  /** The members, by {@linkcode ReplicaId}. */
  readonly replicas: readonly Member[];
  /** K: a checkpoint is taken every K sequence numbers. */
  readonly checkpointInterval: number;
  /** L: the high watermark is the low watermark plus L. A multiple of K, at least 2 K. */
  readonly logWindow: number;
  /** The {@linkcode StateMachine.version} that runs on every replica, such as `key-value/1`. */
  readonly stateMachine: string;
  /** The limits, which all replicas apply alike. */
  readonly limits: Limits;
  /**
   * The state with which the cluster begins: that of another cluster at a number, by the digest of its root page. Numbers
   * go on from there. Left out: it begins with an empty state, at 0.
   */
  readonly origin?: {
    /** The id of that cluster. Only people use it. */
    readonly cluster: Digest;
    /** The last number that the state contains. */
    readonly sequence: SequenceNumber;
    /** The digest of the state's root page. */
    readonly root: Digest;
  };
}

/** The checkpoint at which an epoch starts: it closed the epoch before; in epoch 0 it is the origin of the cluster. */
export interface EpochStart {
  /** The epoch that starts. */
  readonly epoch: number;
  /** The checkpoint's number. The first number of the epoch is the one after it. */
  readonly sequence: SequenceNumber;
  /** The digest of the state's root page. */
  readonly root: Digest;
}

/** The rules of one epoch: those of its configuration, and where it starts. */
export interface Terms extends Genesis {
  /** Left out in epoch 0 of a cluster without an origin, which starts at 0 with an empty state. */
  readonly start?: EpochStart;
}

/** Settings that each replica chooses for itself. Different settings can't make replicas diverge. */
export interface Settings {
  /**
   * As primary: the most batches that are proposed and not yet executed. A further batch is proposed beside others only
   * if it is at least half full.
   */
  readonly pipelineDepth: number;
  /** The most pending requests. Further ones are answered with 429. */
  readonly maxPendingRequests: number;
  /** The most bytes of pending requests. */
  readonly maxPendingBytes: number;
  /** The most pending requests per client. */
  readonly maxPendingPerClient: number;
  /** The interval of status messages while something is outstanding, ms. It doubles up to {@linkcode idleStatusMs}. */
  readonly statusIntervalMs: number;
  /** The interval of status messages with nothing to do, ms. */
  readonly idleStatusMs: number;
  /**
   * The view-change timeout, ms: the primary is suspected if requests wait and for this long nothing is executed and
   * nothing is heard from it. A primary that is heard gets up to four times as long, and one at whose address nothing listens a quarter. The timeout doubles with each view
   * that fails.
   */
  readonly viewTimeoutMs: number;
  /** The primary is suspected if a request has waited this long although its batches had room, ms. */
  readonly slowPrimaryMs: number;
  /**
   * About how many bytes of a checkpoint are hashed and stored at a time. A checkpoint with more changes is taken in
   * slices while the replica goes on, so that it holds nothing up. On a host that may stop the replica between any two
   * messages each checkpoint is taken at once.
   */
  readonly checkpointSliceBytes: number;
}

/** As `checkpointSliceBytes`: each checkpoint is taken at once. */
export const AT_ONCE: number = Number.MAX_SAFE_INTEGER;

/** The defaults for {@linkcode Genesis.limits}. */
export const DEFAULT_LIMITS: Limits = {
  maxRequestBytes: 512 * 1024,
  maxRequestOperations: 4096,
  maxBatchBytes: 1024 * 1024,
  maxBatchRequests: 1024,
  maxResultBytes: 64 * 1024,
  sessionWindow: 64,
  maxSessionReplyBytes: 256 * 1024,
  maxSessions: 1024,
  sessionIdleMs: 60_000,
  maxNames: 4096,
  nameIdleMs: 600_000,
  maxClockSkewMs: 5_000,
};

/** The defaults for {@linkcode Settings}. */
export const DEFAULT_SETTINGS: Settings = {
  pipelineDepth: 4,
  maxPendingRequests: 4096,
  maxPendingBytes: 16 * 1024 * 1024,
  maxPendingPerClient: 128,
  statusIntervalMs: 150,
  idleStatusMs: 2_000,
  viewTimeoutMs: 400,
  slowPrimaryMs: 2_000,
  checkpointSliceBytes: 512 * 1024,
};
