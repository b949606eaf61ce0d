/**
 * A client that knows the operations and queries of a typed machine.
 * @module
 */
import type { ClientId, SequenceNumber } from "../../core/messages/ids.ts";
import { encodeCall } from "../../machines/typed/call.ts";
import type { CallType, Failure, Machine, MachineTypes } from "../../machines/typed/types.ts";
import { validate } from "../../machines/typed/values/schema.ts";
import type { CallSettings } from "../calls/settings.ts";
import { jsonOf } from "../calls/outcome.ts";
import { Client } from "../client.ts";
import type { ClientOptions } from "../options.ts";
import type { Receipt } from "../proofs/proven.ts";
import type { PrefixOf } from "../../machines/typed/state/fields.ts";
import type { MissedEvent, Watch, WatchSettings } from "../watch/events.ts";
import { type CollectionNames, type EntryEvent, type FieldOf, type KeyIn, watchCollection } from "./watch.ts";
import { RejectedError, rejectedError } from "./rejected_error.ts";

/** The arguments of a call. */
export type CallArguments<Input> = undefined extends Input ? [input?: Input, settings?: CallSettings]
  : [input: Input, settings?: CallSettings];

/** An operation of a typed client. */
export interface OperationCall<Call extends CallType, Errors> {
  /** Has it ordered and executed, and returns its result. @throws {RejectedError} if the machine rejects it. */
  (...input: CallArguments<Call["input"]>): Promise<Call["result"]>;
  /** The same; returns a rejection and does not throw it. Other errors are thrown. */
  try(
    ...input: CallArguments<Call["input"]>
  ): Promise<({ readonly ok: true } & ProvenCall<Call["result"]>) | Failure<Errors>>;
  /** The same, and returns the number and the receipt of the result too. */
  receipt(...input: CallArguments<Call["input"]>): Promise<ProvenCall<Call["result"]>>;
}

/** A result with its proof. */
export interface ProvenCall<Result> {
  /** The result. */
  readonly value: Result;
  /** The sequence number at which the operation was executed. */
  readonly sequence: SequenceNumber;
  /** A proof for third parties; see {@linkcode verifyReceipt}. */
  readonly receipt: Receipt;
}

/** A query of a typed client. */
export interface QueryCall<Call extends CallType, Errors> {
  /** Reads without ordering. @throws {RejectedError} if the machine rejects it. */
  (...input: CallArguments<Call["input"]>): Promise<Call["result"]>;
  /** The same; returns a rejection and does not throw it. Other errors are thrown. */
  try(
    ...input: CallArguments<Call["input"]>
  ): Promise<{ readonly ok: true; readonly value: Call["result"] } | Failure<Errors>>;
}

/** A client with a method for each operation and each query of a machine. */
export type TypedClient<Types extends MachineTypes> =
  & { readonly [K in keyof Types["operations"]]: OperationCall<Types["operations"][K], Types["errors"]> }
  & { readonly [K in keyof Types["queries"]]: QueryCall<Types["queries"][K], Types["errors"]> }
  & {
    /** The client below it. */
    readonly client: Client;
    /** The client's public key, which the machine sees as `client`. */
    id(): Promise<ClientId>;
    /**
     * Watches a collection: its changes in order, with f + 1 signatures each, as {@linkcode Client.watch}. `prefix`:
     * only keys that begin with it. What expires is no change before it is removed.
     */
    watch<Name extends CollectionNames<Types["state"]> & string>(
      collection: Name,
      settings?: WatchSettings & { readonly prefix?: PrefixOf<KeyIn<Types["state"], Name>> },
    ): Watch<EntryEvent<FieldOf<Types["state"], Name>> | MissedEvent>;
    /** Closes the client. */
    close(): void;
  };

/**
 * Makes a client with a method for each operation and each query of a machine. Inputs are checked before anything is
 * sent, and again by every replica.
 *
 * @throws {TypeError} if the cluster runs another machine, or another version of it.
 *
 * @example
 * ```ts
 * import { type ClusterFile, createClient } from "@pbft/edge/client";
 * import { counter, defineMachine } from "@pbft/edge/machine";
 *
 * const visits = defineMachine({
 *   name: "visits",
 *   version: 1,
 *   state: { count: counter() },
 *   operations: { visit: { run: ({ count }) => count.next() } },
 *   queries: { total: { run: ({ count }) => count.value } },
 * });
 * async function main(cluster: ClusterFile) {
 *   const client = createClient(visits, { cluster });
 *   const number: number = await client.visit();
 *   const { value, sequence, receipt } = await client.visit.receipt();
 *   console.log(number, value, sequence, receipt, await client.total());
 *   client.close();
 * }
 * ```
 */
export function createClient<Types extends MachineTypes>(
  machine: Machine<Types>,
  options: ClientOptions,
): TypedClient<Types> {
  const client = new Client(options);
  const { stateMachine } = options.cluster.genesis;
  if (stateMachine !== machine.version) {
    throw new TypeError(`cluster.genesis.stateMachine: expected ${machine.version}, got ${stateMachine}`);
  }
  const { operations, queries } = machine.definition;
  const call = (name: string) => {
    const submit = (input?: unknown, settings?: CallSettings) => submitted(machine, client, name, input, settings);
    const invoke = async (...args: Parameters<typeof submit>) => (await submit(...args)).value;
    return [name, Object.assign(invoke, { try: tried(submit), receipt: submit })];
  };
  const query = (name: string) => {
    const ask = (input?: unknown, settings?: CallSettings) => asked(machine, client, name, input, settings);
    const attempt = tried(async (...args: Parameters<typeof ask>) => ({ value: await ask(...args) }));
    return [name, Object.assign(ask, { try: attempt })];
  };
  return Object.freeze({
    ...Object.fromEntries([...Object.keys(operations).map(call), ...Object.keys(queries).map(query)]),
    client,
    id: () => client.id(),
    watch: (name: string, settings?: WatchSettings) => watchCollection(machine, client, name, settings),
    close: () => client.close(),
  });
}

async function submitted(
  machine: Machine,
  client: Client,
  name: string,
  input: unknown,
  settings?: CallSettings,
): Promise<ProvenCall<unknown>> {
  const bytes = encoded(machine, name, input);
  try {
    const outcome = await client.submit(bytes, settings);
    return { value: outcome.json(), sequence: outcome.sequence, receipt: outcome.receipt };
  } catch (error) {
    throw rejectedError(name, error);
  }
}

async function asked(
  machine: Machine,
  client: Client,
  name: string,
  input: unknown,
  settings?: CallSettings,
): Promise<unknown> {
  const bytes = encoded(machine, name, input);
  try {
    return jsonOf(await client.queryBytes(bytes, settings));
  } catch (error) {
    throw rejectedError(name, error);
  }
}

/**
 * The call as bytes, once its input is valid. The input itself is sent: the schema's transformations run on the
 * replicas. It is checked as the replicas get it, without fields that are `undefined`.
 */
function encoded({ definition: { operations, queries } }: Machine, name: string, input: unknown): Uint8Array {
  const { input: schema } = operations[name] ?? queries[name]!;
  const bytes = encodeCall(name, input);
  const valid = schema
    ? validate(schema, `${name}.input`, input && JSON.parse(JSON.stringify(input)))
    : input === undefined
    ? null
    : { at: "." };
  if (valid && "at" in valid) throw new RejectedError(name, "invalid", { at: valid.at }, null, null);
  return bytes;
}

function tried<Args extends unknown[], T extends object>(call: (...args: Args) => Promise<T>) {
  return async (...args: Args) => {
    try {
      return { ok: true, ...await call(...args) };
    } catch (error) {
      if (!(error instanceof RejectedError) || error.error === "failed") throw error;
      return { ok: false, error: error.error, detail: error.detail };
    }
  };
}
