/**
 * Practical Byzantine fault tolerance for the edge: replicas that need not trust each other agree on one order of
 * operations and one state.
 *
 * These are the names that most programs need, and all of them run anywhere; `docs/api.md` lists every name. `serve`, which
 * runs a replica, is in `@pbft/edge/deno` and `@pbft/edge/node`, with the stores that need a file system. The rest of the client is in
 * `@pbft/edge/client`, of the state machines in `@pbft/edge/machines`, and the messages are in `@pbft/edge/protocol`.
 * @module
 */

// A client.
export { Client } from "./src/client/client.ts";
export type { CallSettings } from "./src/client/calls/settings.ts";
export type { ClientOptions } from "./src/client/options.ts";
export type { Operation } from "./src/client/calls/operation.ts";
export type { Outcome } from "./src/client/calls/outcome.ts";
export { verifyReceipt } from "./src/client/proofs/receipt.ts";
export type { ProvenResult, Receipt } from "./src/client/proofs/proven.ts";
export { ClientError, type Effect, OperationRejectedError, TimeoutError } from "./src/client/errors.ts";

// A cluster.
export {
  DEFAULT_LIMITS,
  DEFAULT_SETTINGS,
  type Genesis,
  type Limits,
  type Member,
  type Settings,
} from "./src/core/config.ts";
export { type ClusterFile, parseClusterFile, parseClusterText } from "./src/wire/mod.ts";
export { generateKeyPair, type KeyPair } from "./src/crypto/mod.ts";

// A state machine.
export { type OperationContext, OperationError, type StateMachine } from "./src/core/state_machine.ts";
export type { Migrate, StreamedMigration } from "./src/core/epochs/migrate.ts";
export type { MachineVersion, StateMachines } from "./src/core/epochs/versions.ts";
export { KeyValue, snapshotMachine } from "./src/machines/mod.ts";

// A replica, for a host of one's own.
export { type NodeOptions, ReplicaNode } from "./src/node/node.ts";
export type { NodeStatus } from "./src/node/status.ts";
export type { Start, StartOptions } from "./src/node/storage/start.ts";
export { StartError } from "./src/node/storage/store_errors.ts";
export {
  type Archive,
  type ArchivedBatch,
  type Loaded,
  type Observer,
  type Store,
  StoreConflictError,
  StoreLimitError,
  type Timer,
  type Transport,
  type Version,
  type Writes,
} from "./src/node/ports.ts";
export { MemoryStore } from "./src/stores/memory.ts";
