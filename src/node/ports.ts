/**
 * Every port of a node, on one page: what a host must bring so that a replica can run on it.
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
import type { Event } from "../core/events.ts";
import type { HostEvent } from "./host_event.ts";
import type { SignedKind } from "../wire/messages/domain.ts";

/** The store's version: it grows by one with each commit. 0: the store is empty. */
export type Version = number;

/** What {@linkcode Store.load} gives: every record, and the version they are of. */
export interface Loaded {
  /** What the next commit expects. */
  readonly version: Version;
  /** The values that were committed last, by key. */
  readonly records: ReadonlyMap<string, Uint8Array>;
}

/** One atomic change. `null` removes. */
export interface Writes {
  /** Few and small: the open window. All are read at a start. */
  readonly records: ReadonlyMap<string, Uint8Array | null>;
  /** Content by digest: batch bodies, the pages and chunks of the state. Read by need. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array | null>;
  /** What was executed and is forgotten with this change. Not for the store: for an {@linkcode Archive}, if there is one. */
  readonly forgotten?: readonly ArchivedBatch[];
}

/** A batch that was executed, and what proves it: a quorum of commits. `verifyArchived` of the client checks it. */
export interface ArchivedBatch {
  /** Where it stands in the one order. Every number has a batch; that of a null request is empty. */
  readonly sequence: SequenceNumber;
  /** SHA-256 of `batch`. */
  readonly digest: Digest;
  /** The batch as it was agreed on: its time, and its requests with their clients' signatures. */
  readonly batch: Uint8Array;
  /** Frames: 2f + 1 commits, or a larger quorum where n is not 3f + 1. */
  readonly commits: readonly Uint8Array[];
}

/** Where executed batches go before the replica forgets them: its log is bounded, with an archive its history is not. */
export interface Archive {
  /**
   * Keeps them; they come in order. Nothing of them is forgotten before it resolves, and while it rejects, the replica tries again and
   * its store makes no commits. A number may come again with the same batch, after a crash for instance. Numbers that a replica has
   * skipped by a state transfer it never gets; other replicas' archives have them.
   */
  put(batches: readonly ArchivedBatch[]): Promise<void>;
}

/** Durable state of one replica. Every implementation passes `tests/stores/conformance.ts`. */
export interface Store {
  /** Every record, as of one version. */
  load(): Promise<Loaded>;
  /** The blobs with these digests, in the same order; `null` where there is none. */
  read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]>;
  /**
   * Applies all of `writes` or nothing, if the store is still at version `expected`; durable when it resolves.
   * @throws {StoreConflictError} if somebody else has written. {@linkcode StoreLimitError} if it is too large for this store, at any time.
   */
  commit(writes: Writes, expected: Version): Promise<Version>;
  /** Lets go of what the store holds open. Again: nothing. */
  close(): Promise<void>;
  /** The version that the store is at now, whoever has committed. Without it a commit of nothing shows whether it is still the one expected. */
  version?(): Promise<Version>;
  /**
   * Looks whether what is open is still what lies there, for a store in a file. Called about once a second.
   * @throws {StoreGoneError} if the file was removed or replaced.
   */
  check?(): Promise<void>;
  /** Puts aside all that is in the store, for people to look at, and goes on with an empty one: what is there is damaged. */
  setAside?(): Promise<void>;
}

/** Another isolate of the same replica has written to the store: reload and go on. */
export class StoreConflictError extends Error {
  /** @ignore */
  override name = "StoreConflictError";
  /** At which version the store should have been, and was found, or a later one. `loaded`: what was in it then, where the store knows. */
  constructor(readonly expected: Version, readonly found: Version, readonly loaded?: Loaded) {
    super(`the store is at version ${found}, expected ${expected}: another instance of this replica has written to it`);
  }
}

/**
 * A limit of the platform refuses this change, and would refuse it each time: it is to be made in smaller parts, or not at all. Nothing
 * was changed.
 */
export class StoreLimitError extends Error {
  /** @ignore */
  override name = "StoreLimitError";
}

/** How it is with the way to one peer. */
export interface LinkStatus {
  /** Whether a WebSocket carries what is sent; otherwise it is POSTed. */
  readonly isSocketOpen: boolean;
  /** How many sockets have taken messages, or were open, and delivered nothing. */
  readonly socketFailures: number;
}

/** Carries frames to one peer. Resolves when the peer has taken them; rejects when it has not. */
export interface Transport {
  /** Sends at once what needs no waiting for, or gives false. What does not arrive for some reason is repeated by {@linkcode deliver}. */
  send?(to: ReplicaId, frames: readonly Uint8Array[]): boolean;
  /** How it is with the way to one peer, where that is known. */
  status?(to: ReplicaId): LinkStatus;
  /** At most one call per peer is under way at a time. */
  deliver(to: ReplicaId, frames: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
}

/** The host's clock and alarm. */
export interface Timer {
  /** Wall clock. May jump; safety does not depend on it. */
  now(): Millis;
  /** For measuring durations, ms with fractions. */
  monotonic(): number;
  /** Calls `fire` at `at` or later. Returns what cancels it. */
  schedule(at: Millis, fire: () => void): () => void;
  /**
   * As {@linkcode Timer.schedule}, and wakes a host that sleeps, as far as it can; at such a host it costs a write. Where it is left out,
   * `schedule` serves.
   */
  wake?(at: Millis, fire: () => void): () => void;
  /** Calls `run` soon, after what the host has already queued: so that what arrives together is handled together. */
  soon(run: () => void): void;
}

/** Signs this replica's messages. */
export interface Signer {
  /** 64 lower-case hex digits. */
  readonly publicKey: string;
  /** Ed25519 over the kind's domain and `bytes`; 64 bytes. */
  sign(kind: SignedKind, bytes: Uint8Array): Uint8Array;
}

/** Checks signatures. */
export interface Verifier {
  /** Whether `signature` is that key's over the kind's domain and `bytes`. */
  verify(publicKey: string, kind: SignedKind, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** Hash and signatures. */
export interface Cryptography {
  /** SHA-256, or a stand-in without collisions. */
  hash(bytes: Uint8Array): Digest;
  /** Signs for `cluster`. Deterministic. @throws {TypeError} if the key is not one. */
  createSigner(privateKey: string, cluster: Digest): Signer;
  /** Checks signatures that were made for `cluster`. */
  createVerifier(cluster: Digest): Verifier;
}

/** Hears what happens; must not throw and must not block. */
export interface Observer {
  /** An event of the protocol. */
  onEvent?(event: Event, now: Millis): void;
  /** Messages sent to, or received from, replicas and clients. */
  onMessage?(direction: "in" | "out", kind: Message["kind"], bytes: number): void;
  /** A frame that did not pass the gate. */
  onRejected?(rejection: Rejection): void;
  /** A store commit took so long, ms. */
  onCommit?(durationMs: number, records: number, bytes: number): void;
  /** The core threw on an input, which was dropped; the replica is read anew from its store. It is a bug: report it. */
  onFault?(fault: InputFault): void;
  /** Something is wrong on the host, or on the way to a member. */
  onHostEvent?(event: HostEvent): void;
}

/** Why a frame did not pass the gate. Each maps to one HTTP status. */
export type RejectionReason =
  | "malformed" // 400: the detail names the field, what was expected and what came
  | "too-large" // 413
  | "unknown-signer" // 403: not a member
  | "wrong-signature" // 401
  | "wrong-cluster" // 403
  | "not-accepted-here" // 400: a kind that this route doesn't take
  | "overloaded" // 429
  | "unavailable"; // 503: the node is halted or closed

/** A reasoned refusal at the gate. */
export interface Rejection {
  /** Says which HTTP status it is. */
  readonly reason: RejectionReason;
  /** The kind, if it could be told. */
  readonly kind: Message["kind"] | "unknown";
  /** For people: what was expected, and what came. */
  readonly detail: string;
}

export type { AnyRequest, Batch, ReplicaMessage, Signed, SignedRequest, Verified };
/** An input on which the core threw. */
export interface InputFault {
  /** What kind of input it was. */
  readonly input: string;
  /** Whose it was: the member or client that signed it; `null`: nobody's, the replica acted by itself. */
  readonly from: ReplicaId | ClientId | null;
  /** What was thrown. */
  readonly error: string;
  /** The clock. */
  readonly at: Millis;
}
