/**
 * The genesis, which all members share and which is the cluster's identity, and the settings that each replica
 * may choose for itself.
 * @module
 */

/** A member of the cluster. Its {@link ReplicaId} is its place in {@linkcode Genesis.replicas}. */
export interface Member {
  /** A short unique name: `Apple`. */
  readonly name: string;
  /** Ed25519 public key, 64 lower-case hex digits. */
  readonly publicKey: string;
}

/** Limits that decide what a valid batch is and what executes: equal at all replicas, or they would diverge. */
export interface Limits {
  /** Largest signed request, bytes. */
  readonly maxRequestBytes: number;
  /** Most operations in one request. */
  readonly maxRequestOperations: number;
  /** Largest batch body, bytes. At least {@linkcode maxRequestBytes} plus 1 KiB. */
  readonly maxBatchBytes: number;
  /** Most requests in one batch. */
  readonly maxBatchRequests: number;
  /** Largest result of one operation, bytes; a longer one becomes a rejection. */
  readonly maxResultBytes: number;
  /** Timestamps of one session, or of one unsigned name, that may be in flight or remembered. */
  readonly sessionWindow: number;
  /** Bytes of stored replies per session after which the client must acknowledge. */
  readonly maxSessionReplyBytes: number;
  /** Sessions in all. */
  readonly maxSessions: number;
  /** A session idle for less than this is never evicted, ms of agreed time. */
  readonly sessionIdleMs: number;
  /** Remembered names of unsigned clients in all. */
  readonly maxNames: number;
  /** A name is remembered for at least this long after its last operation, ms of agreed time. At least {@linkcode MIN_NAME_IDLE_MS}. */
  readonly nameIdleMs: number;
  /** How far a primary's timestamp may run ahead of a backup's clock, or of what it takes the agreed time to be, ms. */
  readonly maxClockSkewMs: number;
}

/** What the cluster is. Its hash is the cluster id, to which every signature is bound. No URLs: they may change. */
export interface Genesis {
  /** For people; part of the identity all the same. */
  readonly name: string;
  /** The members, by {@linkcode ReplicaId}. */
  readonly replicas: readonly Member[];
  /** K: a checkpoint every K sequence numbers. */
  readonly checkpointInterval: number;
  /** L: the high watermark is the low one plus L. A multiple of K, at least 2 K. */
  readonly logWindow: number;
  /** {@linkcode StateMachine.version} of what runs on every replica: `key-value/1`. */
  readonly stateMachine: string;
  /** The limits that all replicas apply alike. */
  readonly limits: Limits;
}

/** What one replica chooses for itself; unequal settings can't make replicas diverge. */
export interface Settings {
  /** As primary: batches proposed and not yet executed, at most. Only well filled ones overlap. */
  readonly pipelineDepth: number;
  /** Requests waiting to be ordered, in all; more get 429. */
  readonly maxPendingRequests: number;
  /** Bytes of requests waiting to be ordered, in all. */
  readonly maxPendingBytes: number;
  /** Requests waiting to be ordered, per client. */
  readonly maxPendingPerClient: number;
  /** While something is outstanding, status messages go out this often, doubling up to {@linkcode idleStatusMs}. */
  readonly statusIntervalMs: number;
  /** With nothing to do, status messages go out this often. */
  readonly idleStatusMs: number;
  /**
   * Nothing executed and nothing heard from the primary for so long while requests wait: it is suspected. One that is heard is
   * given up to four times as long. Doubles with each view that fails.
   */
  readonly viewTimeoutMs: number;
  /** A request has waited for so long while the primary's batches had room for it: the primary is suspected. */
  readonly slowPrimaryMs: number;
}

/** A gateway's requests are valid for half of `nameIdleMs` at most: with less than this they would expire before they are ordered. */
export const MIN_NAME_IDLE_MS = 1_000;

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
};
