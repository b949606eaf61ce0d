/**
 * Practical Byzantine fault tolerance for the edge: replicas that need not trust each other agree on one order of
 * operations and one state.
 *
 * This is what a host and a state machine need. The replica's HTTP routes are in `@pbft/edge/hono`, what serves them
 * under Deno in `@pbft/edge/deno`, and the client by itself, for browsers too, in `@pbft/edge/client`.
 * @module
 */
export * from "./src/core/messages/ids.ts";
export * from "./src/core/messages/quorum.ts";
export type * from "./src/core/messages/messages.ts";
export * from "./src/core/state_machine.ts";
export * from "./src/core/config.ts";
export * from "./src/machines/mod.ts";
export * from "./src/client/mod.ts";
export { InvariantError, type InvariantKind } from "./src/core/invariant.ts";
export type { DiscardReason, Event, LeaveReason, SuspicionReason } from "./src/core/events.ts";
export type { Contradiction } from "./src/core/messages/evidence.ts";
export type { ReplicaStatus } from "./src/core/io.ts";
export { type ClusterFile, parseClusterFile, parseClusterText, parseGenesis, type SignedKind } from "./src/wire/mod.ts";
export { clusterId, generateKeyPair, type KeyPair } from "./src/crypto/mod.ts";
export {
  type Archive,
  type Cryptography,
  type InputFault,
  type LinkStatus,
  type Loaded,
  type Observer,
  type Rejection,
  type RejectionReason,
  type Signer,
  type Store,
  StoreConflictError,
  StoreLimitError,
  type Timer,
  type Transport,
  type Verifier,
  type Version,
  type Writes,
} from "./src/node/ports.ts";
export { Node, type NodeOptions, type SubmitOptions } from "./src/node/node.ts";
export type { FrameSource } from "./src/node/in/intake.ts";
export type { NodeUsage } from "./src/node/in/usage.ts";
export type { HostEvent } from "./src/node/host_event.ts";
export type { GatewayAnswer } from "./src/node/gateway/gateway.ts";
export type { Start, StartOptions } from "./src/node/storage/start.ts";
export {
  CorruptStoreError,
  ForeignStoreError,
  NewerStoreError,
  StartError,
  StoreGoneError,
  StoreTimeoutError,
} from "./src/node/storage/store_errors.ts";
export type { NodeLimits } from "./src/node/limits.ts";
export type { NodeStatus, OutboxStatus } from "./src/node/status.ts";
export { MemoryStore } from "./src/stores/memory.ts";
export { SqliteStore, StoreOpenError } from "./src/stores/sqlite.ts";
