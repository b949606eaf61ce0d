/**
 * The key-value state machine, and a helper to write your own.
 * @module
 */
export {
  type ChunkChecker,
  type ChunkNeed,
  type FrozenChanges,
  type LazyLoading,
  type LoadedChunk,
  NotLoadedError,
  type OperationContext,
  OperationError,
  type StateChange,
  type StateMachine,
} from "../core/state_machine.ts";
export type { Migrate, MigrationContext, MigrationSteps, StreamedMigration } from "../core/epochs/migrate.ts";
export type { MachineMaker, MachineVersion, StateMachines } from "../core/epochs/versions.ts";
export { KeyValue, type KeyValueOptions } from "./key_value.ts";
export * from "./key_value_operation.ts";
export { type SnapshotMachine, snapshotMachine, type SnapshotOptions } from "./snapshot.ts";
