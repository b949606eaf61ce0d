/**
 * Definition of a typed machine.
 * @module
 */
import { encodeCall } from "./call.ts";
import { checkDefinition } from "./check.ts";
import type { Field } from "./state/fields.ts";
import { TypedMachine } from "./typed_machine.ts";
import { migrationTo } from "./migrate.ts";
import type { MachineVersion } from "../../core/epochs/versions.ts";
import type {
  Context,
  EntryMigration,
  Machine,
  MachineTypes,
  MigrationTime,
  ReadonlyStateOf,
  StateOf,
} from "./types.ts";
import type { InputOf, OutputOf, StandardSchema } from "./values/schema.ts";

/**
 * Defines a machine. The types of inputs, results and errors follow from the schemas and from what `run` returns.
 *
 * @throws {TypeError} if a name, a version or a schema will not do.
 *
 * @example
 * ```ts
 * import { collection, defineMachine, testMachine } from "@pbft/edge/machine";
 * import * as v from "npm:valibot@1.5.0"; // or zod, arktype: any library with the Standard Schema interface
 *
 * const bank = defineMachine({
 *   name: "bank",
 *   version: 1,
 *   state: { accounts: collection(v.object({ balance: v.number() })) },
 *   errors: { tooLittle: v.object({ balance: v.number() }) },
 *   operations: {
 *     deposit: {
 *       input: v.object({ account: v.string(), amount: v.number() }),
 *       run({ accounts }, { account, amount }) {
 *         const balance = (accounts.get(account)?.balance ?? 0) + amount;
 *         accounts.set(account, { balance });
 *         return { balance };
 *       },
 *     },
 *   },
 *   queries: {
 *     balance: { input: v.string(), run: ({ accounts }, account) => accounts.get(account)?.balance ?? 0 },
 *   },
 * });
 * console.log(testMachine(bank).as("ada").deposit({ account: "ada", amount: 5 }).balance); // 5
 * ```
 */
export function defineMachine<
  Fields extends Readonly<Record<string, Field>>,
  OperationInputs,
  OperationResults,
  QueryInputs,
  QueryResults,
  Errors extends Readonly<Record<string, StandardSchema>> = Readonly<Record<never, StandardSchema>>,
  Former extends MachineTypes = MachineTypes,
>(
  definition: {
    /** Small letters, digits and hyphens. */
    readonly name: string;
    /** Change this number whenever the same operations give other results, or another state, than before. */
    readonly version: number;
    /** The parts of the state. */
    readonly state: Fields;
    /** The errors with which operations and queries are rejected, and the schemas of what they say more. */
    readonly errors?: Errors;
    /** What changes the state. Several run one after another, in the agreed order. */
    readonly operations:
      & {
        readonly [K in keyof OperationInputs]: {
          readonly input?: OperationInputs[K];
          readonly output?: StandardSchema;
          readonly run: (
            state: StateOf<Fields>,
            input: OutputOf<OperationInputs[K]>,
            context: Context<Errors>,
          ) => unknown;
        };
      }
      & {
        readonly [K in keyof OperationResults]: {
          readonly input?: unknown;
          readonly output?: unknown;
          readonly run: (state: StateOf<Fields>, input: never, context: Context<Errors>) => OperationResults[K];
        };
      };
    /** How its first state is made on a running cluster: from that of the version before. */
    readonly migrate?: {
      /** The version before. */
      readonly from: Machine<Former>;
      /** Fills the empty state `next` from `old`. It must not depend on anything else. If left out, the state stays. */
      readonly state?: (old: ReadonlyStateOf<Former["state"]>, next: StateOf<Fields>, context: MigrationTime) => void;
      /**
       * In place of `state`, for large states: makes collections entry by entry, a few chunks at a time. What is named
       * here is made of a collection of the version before; every other collection and counter stays as it is.
       */
      readonly entries?: { readonly [K in keyof Fields]?: EntryMigration<Former["state"], Fields[K]> };
    };
    /** What reads the state and changes nothing. */
    readonly queries?:
      & {
        readonly [K in keyof QueryInputs]: {
          readonly input?: QueryInputs[K];
          readonly output?: StandardSchema;
          readonly run: (
            state: ReadonlyStateOf<Fields>,
            input: OutputOf<QueryInputs[K]>,
            context: Context<Errors>,
          ) => unknown;
        };
      }
      & {
        readonly [K in keyof QueryResults]: {
          readonly input?: unknown;
          readonly output?: unknown;
          readonly run: (state: ReadonlyStateOf<Fields>, input: never, context: Context<Errors>) => QueryResults[K];
        };
      };
  },
): Machine<{
  readonly state: Fields;
  readonly errors: Errors;
  readonly operations: {
    readonly [K in keyof OperationResults & string]: {
      readonly input: K extends keyof OperationInputs ? InputOf<OperationInputs[K]> : undefined;
      readonly result: OperationResults[K];
    };
  };
  readonly queries: {
    readonly [K in keyof QueryResults & string]: {
      readonly input: K extends keyof QueryInputs ? InputOf<QueryInputs[K]> : undefined;
      readonly result: QueryResults[K];
    };
  };
}> {
  const checked = checkDefinition(definition);
  const version = `${checked.name}/${checked.version}`;
  const create = () => new TypedMachine(checked);
  const { migrate } = checked;
  const own: MachineVersion = { create, ...(migrate && { migrate: { [migrate.from.version]: migrationTo(checked) } }) };
  return Object.assign(create, {
    version,
    definition: checked,
    versions: { ...migrate?.from.versions, [version]: own },
    encode: (name: string, input?: unknown) => encodeCall(name, input),
  });
}
