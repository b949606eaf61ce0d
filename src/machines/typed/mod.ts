/**
 * Typed machines: a state machine from schemas and functions. Its state is loaded by need, and the cost of its
 * checkpoints is proportional to the changes. Its author need not do anything for that.
 * @module
 */
export { defineMachine } from "./define.ts";
export { reject, RejectedOperation } from "./rejection.ts";
export {
  type Collection,
  collection,
  type CollectionField,
  type CollectionOptions,
  type Counter,
  counter,
  type Field,
  type KeyOf,
  type PrefixOf,
  type RangeOptions,
  type ReadonlyCollection,
  type ReadonlyCounter,
} from "./state/fields.ts";
export type { Key } from "./state/key.ts";
export { type TestCall, type TestCalls, testMachine } from "./test_machine.ts";
export type {
  CallType,
  Context,
  Definition,
  EntryMigration,
  Failure,
  InputArguments,
  InputOfCall,
  Machine,
  MachineTypes,
  MigrationTime,
  ReadonlyStateOf,
  Runnable,
  StateOf,
  TypedEntries,
  TypedMigration,
  WrittenTo,
} from "./types.ts";
export {
  type InputOf,
  type OutputOf,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  unchecked,
} from "./values/schema.ts";
