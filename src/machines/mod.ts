/**
 * State machines that come with the module, and what helps to write one.
 * @module
 */
export { KeyValue, type KeyValueOptions } from "./key_value.ts";
export * from "./key_value_operation.ts";
export { type SnapshotMachine, snapshotMachine, type SnapshotOptions } from "./snapshot.ts";
