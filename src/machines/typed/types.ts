/**
 * The types of a typed machine.
 * @module
 */
import type { MachineVersion } from "../../core/epochs/versions.ts";
import type { StateMachine } from "../../core/state_machine.ts";
import type { Field, ReadonlyCollection } from "./state/fields.ts";
import type { InputOf, StandardSchema } from "./values/schema.ts";

/** What `run` may depend on besides the state and its input. The same on every replica. */
export interface Context<Errors = unknown> {
  /** The caller: a signed client's public key in hex, or `name:` and an unsigned client's name. */
  readonly client: string;
  /** The agreed time, ms. It never falls. */
  readonly time: number;
  /** The number of the batch; in a query, of the last one that was executed. */
  readonly sequence: number;
  /**
   * A number in [0, 1), another one each time and the same on every replica. Anyone who knows the state can tell it in
   * advance, and a primary can try times: do not draw prizes with it. In a query it is the same at the same number.
   */
  random(): number;
  /** Rejects: nothing is changed, and the caller gets the error. */
  reject<Name extends keyof Errors & string>(
    error: Name,
    ...detail: undefined extends InputOf<Errors[Name]> ? [detail?: InputOf<Errors[Name]>]
      : [detail: InputOf<Errors[Name]>]
  ): never;
}

/** The state as `run` of an operation sees it. */
export type StateOf<Fields> = {
  readonly [K in keyof Fields]: Fields[K] extends Field<infer Handle, infer _> ? Handle : never;
};
/** The state as `run` of a query sees it. */
export type ReadonlyStateOf<Fields> = {
  readonly [K in keyof Fields]: Fields[K] extends Field<infer _, infer Reader> ? Reader : never;
};

/** The input and the result of an operation or a query. */
export interface CallType {
  /** What the caller gives. */
  readonly input: unknown;
  /** What the caller gets. */
  readonly result: unknown;
}

/** The types of a machine. */
export interface MachineTypes {
  /** The schemas of the errors. */
  readonly errors: unknown;
  /** The collections and counters. */
  readonly state: unknown;
  /** The operations by name. */
  readonly operations: Readonly<Record<string, CallType>>;
  /** The queries by name. */
  readonly queries: Readonly<Record<string, CallType>>;
}

/** One operation or query of a definition, its types aside. */
export interface Runnable {
  /** The schema of the input; `undefined`: there is no input. */
  readonly input?: StandardSchema | undefined;
  /** The schema of the result. */
  readonly output?: StandardSchema | undefined;
  /** Runs it. */
  run(state: unknown, input: unknown, context: Context): unknown;
}

/** How the state of a former version becomes the first state of a machine, its types aside. */
export interface TypedMigration {
  /** The former version. */
  readonly from: Machine;
  /** Fills the empty state `next` from the state `old`. If left out, the state stays as it is. */
  readonly state?: ((old: unknown, next: unknown, context: MigrationTime) => void) | undefined;
  /** Which collections are made anew, entry by entry. All else stays as it is. */
  readonly entries?: Readonly<Record<string, TypedEntries>> | undefined;
}

/** How a collection is made of one of the former version, its types aside. */
export interface TypedEntries {
  /** The collection of the former version. */
  readonly from: string;
  /** The new value of an entry, whose key stays; `undefined`: the entry goes. */
  readonly value: (value: unknown, key: unknown, context: MigrationTime) => unknown;
}

/** How a collection is made of one of the former version: each entry by itself. Its key stays. */
export type EntryMigration<Former, New> = {
  [Name in keyof Former & string]: Former[Name] extends Field<infer _, ReadonlyCollection<infer Value, infer K>> ? {
      /** The collection of the former version. */
      readonly from: Name;
      /** The new value; `undefined`: the entry goes. It must not depend on anything else. */
      readonly value: (value: Value, key: K, context: MigrationTime) => WrittenTo<New> | undefined;
    }
    : never;
}[keyof Former & string];

/** What is written to a collection. */
export type WrittenTo<New> = New extends { readonly value: StandardSchema<infer Written, infer _> } ? Written : never;

/** What a migration may depend on besides the state. */
export interface MigrationTime {
  /** The agreed time of the last batch, ms. */
  readonly time: number;
  /** The number of the last batch. */
  readonly sequence: number;
}

/** A definition, its types aside. */
export interface Definition {
  /** The name of the machine. */
  readonly name: string;
  /** Its version. */
  readonly version: number;
  /** The parts of the state. */
  readonly state: Readonly<Record<string, Field>>;
  /** The schemas of the errors. */
  readonly errors: Readonly<Record<string, StandardSchema>>;
  /** The operations. */
  readonly operations: Readonly<Record<string, Runnable>>;
  /** The queries. */
  readonly queries: Readonly<Record<string, Runnable>>;
  /** How its first state is made from that of a former version. */
  readonly migrate?: TypedMigration | undefined;
}

/**
 * A typed machine. It is a function that makes a state machine in its first state, so it can be given wherever one is
 * asked for: `serve({ stateMachine: bank })`.
 */
export interface Machine<Types extends MachineTypes = MachineTypes> {
  /** Makes a state machine. */
  (): StateMachine;
  /** Name and version, as in the genesis: `bank/1`. */
  readonly version: string;
  /** The definition. */
  readonly definition: Definition;
  /** This version, and those that it knows how to come from, by their names. */
  readonly versions: Readonly<Record<string, MachineVersion>>;
  /** The bytes of a call, for programs that have no typed client: `simulate` and tests. The input is not checked. */
  encode<Name extends (keyof Types["operations"] | keyof Types["queries"]) & string>(
    name: Name,
    ...input: InputArguments<InputOfCall<Types, Name>>
  ): Uint8Array;
  /** The types; there at compile time only. */
  readonly types?: Types | undefined;
}

/** The input of a call by its name. */
export type InputOfCall<Types extends MachineTypes, Name> = Name extends keyof Types["operations"]
  ? Types["operations"][Name]["input"]
  : Name extends keyof Types["queries"] ? Types["queries"][Name]["input"]
  : never;

/** The arguments for an input: none if there is none. */
export type InputArguments<Input> = undefined extends Input ? [input?: Input] : [input: Input];

/** How a call is rejected: by one of the machine's errors, or because its input is not valid. */
export type Failure<Errors> =
  | {
    readonly [K in keyof Errors & string]: {
      readonly ok: false;
      readonly error: K;
      readonly detail: InputOf<Errors[K]>;
    };
  }[keyof Errors & string]
  | { readonly ok: false; readonly error: "invalid"; readonly detail: { readonly at: string } };
