/**
 * What the exports for Deno and for Node have in common: what a replica needs that is a process.
 * @module
 */
export type { HostOptions, OpenReplica, OpenReplicaOptions, ServedReplica, ServeOptions } from "./host/options.ts";
export type { Interposer } from "./host/interposer.ts";
export type { KeyRotation, NextKey } from "./identity/key_rotation.ts";
export type { ScrubSchedule } from "../node/repair/scrub.ts";
export { EDGE_SETTINGS } from "./host/edge_settings.ts";
export { type ChainVariables, type ReplicaIdentity, startFromVariables } from "./identity/environment.ts";
export { chainFromVariables, replicaFromVariables } from "./identity/process_variables.ts";
export { type Policy, policyFromVariables, type PolicyVariable } from "./host/policy.ts";
export { systemTimer } from "./host/system_timer.ts";
export { type Fields, type Level, Log, type LogEntry, type LogFormat, type LogOptions } from "./log/log.ts";
export { SqliteStore, type SqliteStoreOptions, StoreOpenError } from "../stores/sqlite.ts";
export type { Start, StartOptions } from "../node/storage/start.ts";
export {
  CorruptStoreError,
  ForeignStoreError,
  NewerStoreError,
  StartError,
  StoreGoneError,
  StoreTimeoutError,
} from "../node/storage/store_errors.ts";
