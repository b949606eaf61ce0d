/**
 * The messages of replicas and clients as plain data. `src/wire` encodes them.
 * @module
 */
import type { Blobs, Decision, Fetch, StableCheckpoint, Status } from "./catching_up.ts";
import type { SignedMessage } from "./signed.ts";
import type { Query, QueryReply } from "./queries.ts";
import type { NewView, Suspicion, ViewChange } from "./view_changes.ts";
import type { AnyRequest, Reply } from "./requests.ts";
import type { Checkpoint, Commit, Prepare, PrePrepare } from "./agreement.ts";
export type { Blobs, Decision, Fetch, Phase, StableCheckpoint, Stage, Status } from "./catching_up.ts";
export type { Query, QueryReply, SignedQuery } from "./queries.ts";
export type { NewView, PreparedCertificate, Standing, Suspicion, ViewChange } from "./view_changes.ts";
export type { SignedMessage, Verified } from "./signed.ts";
export type {
  AnyRequest,
  ClientRequest,
  GatewayOperation,
  GatewayRequest,
  Refusal,
  Reply,
  Result,
  SignedRequest,
} from "./requests.ts";
export type { Batch, Checkpoint, Commit, Prepare, PrePrepare } from "./agreement.ts";

/** All messages between replicas. */
export type ReplicaMessage =
  | PrePrepare
  | Prepare
  | Commit
  | Decision
  | Checkpoint
  | StableCheckpoint
  | Suspicion
  | ViewChange
  | NewView
  | Reply
  | Status
  | Fetch
  | Blobs;
/** All messages. */
export type Message = ReplicaMessage | AnyRequest | Query | QueryReply;
/** All message kinds. */
export type MessageKind = Message["kind"];

/** A message of any of these kinds, signed. */
export type Signed<M extends Message = Message> = SignedMessage<M>;
