/**
 * All ports of a node on one page: the services that a host must provide to run a replica.
 * @module
 */
import type {
  AnyRequest,
  Batch,
  Message,
  ReplicaMessage,
  Signed,
  SignedRequest,
  Verified,
} from "../core/messages/messages.ts";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber } from "../core/messages/ids.ts";
import type { ReplicaEvent } from "../core/events.ts";
import type { HostEvent } from "./host_event.ts";
import type { SignedKind } from "../wire/messages/domain.ts";

/** The store's version: it increases by one with each commit. 0: the store is empty. */
export type Version = number;

/** The result of {@linkcode Store.load}: all records, and their version. */
export interface Loaded {
  /** The version that the next commit must expect. */
  readonly version: Version;
  /** The last committed values, by key. */
  readonly records: ReadonlyMap<string, Uint8Array>;
}

/** One atomic change. `null` removes an entry. */
export interface Writes {
  /** Records: few and small, for the open window of sequence numbers. All are read at a start. */
  readonly records: ReadonlyMap<string, Uint8Array | null>;
  /** Content by digest: batch bodies, and pages and chunks of the state. Read on demand. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array | null>;
  /** Batches forgotten with this change. Not for the store: for an {@linkcode Archive}, if there is one. */
  readonly forgotten?: readonly ArchivedBatch[];
}

/** An executed batch with its proof: a quorum of commits. The client's `verifyArchived` checks it. */
export interface ArchivedBatch {
  /** Its sequence number. Every number has a batch; that of a null request is empty. */
  readonly sequence: SequenceNumber;
  /** SHA-256 of `batch`. */
  readonly digest: Digest;
  /** The agreed batch: its time, and the requests with the signatures of their clients. */
  readonly batch: Uint8Array;
  /** Frames of the commits: 2f + 1, or a larger quorum where n is not 3f + 1. */
  readonly commits: readonly Uint8Array[];
}

/** An archive of executed batches. The replica's log is bounded; with an archive its history is not. */
export interface Archive {
  /**
   * Stores batches, which come in order. The replica forgets them only after this resolves. While it rejects, the
   * replica retries, and makes no commits to its store. A number may come again with the same batch, for instance after
   * a crash. Numbers that this replica skipped by a state transfer never come; other replicas' archives have them.
   */
  put(batches: readonly ArchivedBatch[]): Promise<void>;
}

/** Durable storage of one replica. Every implementation passes `tests/stores/conformance.ts`. */
export interface Store {
  /** Returns all records of one version. */
  load(): Promise<Loaded>;
  /**
   * Returns the blobs with these digests, in the same order; `null` for a missing one. An instance may still return a blob
   * that another instance has removed, until it loads or commits: the bytes of a digest never change.
   */
  read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]>;
  /**
   * Applies all of `writes`, or nothing, if the store is at version `expected`. The change is durable when this
   * resolves.
   * @throws {StoreConflictError} if another instance has committed. {@linkcode StoreLimitError} if the change is too
   * large for this store.
   */
  commit(writes: Writes, expected: Version): Promise<Version>;
  /** Frees the store's resources. A second call does nothing. */
  close(): Promise<void>;
  /**
   * The current version of the store, from any instance. Optional: without it, an empty commit is used to check the
   * version.
   */
  version?(): Promise<Version>;
  /**
   * All records, if another instance has committed since version `than`; otherwise `null`. Optional: without it, an instance that looks
   * reads the version, and then everything.
   */
  newer?(than: Version): Promise<Loaded | null>;
  /**
   * Checks that the open file is still the one at its path, for a store in a file. Called about once a second.
   * @throws {StoreGoneError} if the file was removed or replaced.
   */
  check?(): Promise<void>;
  /** Sets the damaged content of the store aside, for people to examine, and continues with an empty store. */
  setAside?(): Promise<void>;
  /**
   * Drops what this instance keeps in memory of what it has read, so that later reads are of the disk: for those who look
   * for damage there. Optional: without it, damage is found when the store reads the place again by itself.
   */
  dropCache?(): Promise<void>;
}

/** Another instance of the same replica has committed to the store. Reload and retry. */
export class StoreConflictError extends Error {
  /** @ignore */
  override name = "StoreConflictError";
  /**
   * `expected`: the version that the commit expected; `found`: the version that was found, or a later one; `loaded`:
   * the content of the store at that version, if known.
   */
  constructor(readonly expected: Version, readonly found: Version, readonly loaded?: Loaded) {
    super(`version: expected ${expected}, got ${found}: another instance of this replica has written to the store`);
  }
}

/**
 * The change exceeds a limit of the platform, so a retry fails too. It must be split or dropped. Nothing was changed.
 */
export class StoreLimitError extends Error {
  /** @ignore */
  override name = "StoreLimitError";
}

/** The state of the connection to one peer. */
export interface LinkStatus {
  /** Whether a WebSocket is in use; otherwise messages are POSTed. */
  readonly isSocketOpen: boolean;
  /** How many sockets failed because they were open but delivered nothing. */
  readonly socketFailures: number;
}

/**
 * What waits for a connection: `deciding` messages (proposals, votes, view changes, requests), or `bulk`: blobs and decisions for replicas that
 * catch up.
 */
export type Lane = "deciding" | "bulk";

/** A delivery that has begun. */
export interface RunningDelivery {
  /** Resolves when it has ended: whether the peer has accepted it. Never rejects. */
  readonly ended: Promise<boolean>;
  /** Ends it now, as failed. */
  abort(reason: DOMException): void;
}

/** The frames for one peer, as {@linkcode Connections} see them. */
export interface WaitingFrames {
  /** Whether frames of this lane wait that may be sent now. */
  waits(lane: Lane): boolean;
  /** Begins a delivery of frames of this lane. {@linkcode waits} must be true. */
  start(lane: Lane): RunningDelivery;
}

/** The connections of a host that bounds how many may be open. */
export interface Connections {
  /**
   * Asks for a connection to a peer. `frames.start` is called, now or later, when there is one for it; until then the frames stay where
   * they are. A second call for the same peer does not ask for a second connection.
   */
  ask(peer: ReplicaId, frames: WaitingFrames): void;
}

/** Sends frames to the peers. */
export interface Transport {
  /** Where the host bounds connections: a delivery begins when these say so. Otherwise it begins at once. */
  readonly connections?: Connections;
  /**
   * Sends frames at once if that needs no wait; otherwise returns false. The transport sends frames that are lost again
   * by {@linkcode deliver}.
   */
  send?(to: ReplicaId, frames: readonly Uint8Array[]): boolean;
  /** The state of the connection to one peer, where it is known. */
  status?(to: ReplicaId): LinkStatus;
  /**
   * Delivers frames. Resolves when the peer has accepted them, and rejects otherwise: with an error that has `isRefused: true` if
   * nothing listens at the peer's address. The node has at most `maxDeliveriesInFlight` calls per peer in progress; they may
   * overtake each other.
   */
  deliver(to: ReplicaId, frames: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
}

/** The host's clock and timers. */
export interface Timer {
  /** The wall clock. It may jump; safety does not depend on it. */
  now(): Millis;
  /** The monotonic clock, for durations; ms with fractions. */
  monotonic(): number;
  /** Calls `fire` at `at` or later. Returns a function that cancels it. */
  schedule(at: Millis, fire: () => void): () => void;
  /**
   * As {@linkcode Timer.schedule}, and also wakes a host that sleeps, where possible; there it costs a write. Optional:
   * by default `schedule` is used.
   */
  wake?(at: Millis, fire: () => void): () => void;
  /**
   * Calls `run` soon, after the work that the host has already queued, so that input that arrives together is processed
   * together.
   */
  soon(run: () => void): void;
}

/** Signs this replica's messages. */
export interface Signer {
  /** The public key, 64 lower-case hex digits. */
  readonly publicKey: string;
  /** Returns the Ed25519 signature of the kind's domain and `bytes`; 64 bytes. */
  sign(kind: SignedKind, bytes: Uint8Array): Uint8Array;
}

/** Verifies signatures. */
export interface Verifier {
  /** Whether `signature` is a valid signature by this key of the kind's domain and `bytes`. */
  verify(publicKey: string, kind: SignedKind, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** Hash and signatures. */
export interface Cryptography {
  /** SHA-256, or in simulations another function without collisions. */
  hash(bytes: Uint8Array): Digest;
  /** Makes a signer for `cluster`, or for the context of a later epoch. Signatures are deterministic. @throws {TypeError} if the key is invalid. */
  createSigner(privateKey: string, cluster: Digest, epoch?: number): Signer;
  /** Makes a verifier of signatures for `cluster`. */
  createVerifier(cluster: Digest, epoch?: number): Verifier;
}

/** Observes a node. Its methods must not throw and must not block. */
export interface Observer {
  /**
   * Whether it follows single requests: then events of stages name the requests in the batch, and `onReplied` and `onVouch` are called.
   * It counts for the observers that a node is opened with.
   */
  readonly wantsRequests?: boolean;
  /** This replica replied to a request: to the client that waits here, or to the gateway. */
  onReplied?(request: Digest): void;
  /**
   * Unsigned clients ask this replica as their gateway; called in the caller's turn. The result is called with the digest of the request
   * that carried their operations, or `null` if they were rejected.
   */
  onVouch?(operations: number): (request: Digest | null) => void;
  /** An event of the protocol. */
  onEvent?(event: ReplicaEvent, now: Millis): void;
  /** A message was sent to, or received from, a replica or client; `bytes`: its size. */
  onMessage?(direction: "in" | "out", kind: Message["kind"], bytes: number): void;
  /** A frame was rejected by the gate. */
  onRejected?(rejection: Rejection): void;
  /** A commit to the store finished; `durationMs`: its duration, ms. */
  onCommit?(durationMs: number, records: number, bytes: number): void;
  /**
   * The core threw on an input. The input was dropped, and the replica is reloaded from its store. This is a bug:
   * please report it.
   */
  onFault?(fault: InputFault): void;
  /** A problem on the host or on the way to a member, or the end of one. */
  onHostEvent?(event: HostEvent): void;
}

/** Why the gate rejected a frame. Each reason has one HTTP status. */
export type RejectionReason =
  | "malformed" // 400: the detail names the field, the expected and the actual value
  | "too-large" // 413
  | "unknown-signer" // 403: not a member
  | "wrong-signature" // 401
  | "wrong-cluster" // 403
  | "not-accepted-here" // 400: this route does not accept this kind
  | "overloaded" // 429
  | "unavailable"; // 503: the node is halted or closed

/** A rejection by the gate, with its reason. */
export interface Rejection {
  /** The reason; it determines the HTTP status. */
  readonly reason: RejectionReason;
  /** The kind of message, if known. */
  readonly kind: Message["kind"] | "unknown";
  /** For people: the expected and the received value. */
  readonly detail: string;
}

export type { AnyRequest, Batch, ReplicaMessage, Signed, SignedRequest, Verified };
/** An input on which the core threw. */
export interface InputFault {
  /** The kind of input. */
  readonly input: string;
  /** The member or client that signed it; `null` for an internal input. */
  readonly from: ReplicaId | ClientId | null;
  /** The error. */
  readonly error: string;
  /** The wall clock. */
  readonly at: Millis;
}
