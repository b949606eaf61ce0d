/**
 * A state machine from a definition.
 * @module
 */
import { invariant } from "../../core/invariant.ts";
import {
  type FrozenChanges,
  type LazyLoading,
  NotLoadedError,
  type OperationContext,
  type StateChange,
  type StateMachine,
} from "../../core/state_machine.ts";
import { LeafMap } from "../../core/tree/leaf_map.ts";
import { chunkChecker, decodeChunk, encodeChunk, freezeChunks } from "../_chunk.ts";
import { utf8 } from "../_text.ts";
import { decodeCall } from "./call.ts";
import { RejectedOperation, Rejection, rejection } from "./rejection.ts";
import { Draft } from "./state/draft.ts";
import { handleOf } from "./state/handles.ts";
import { Scope } from "./state/scope.ts";
import type { Context, Definition, Runnable } from "./types.ts";
import { jsonText } from "./values/json.ts";
import { numbersFrom } from "./values/random.ts";
import { ignore, isThenable, validate } from "./values/schema.ts";

/** As of the key-value machine: code units of keys and values in one chunk. */
export const CHUNK_SIZE = 8 * 1024;
/** Counts the operations that have used random numbers. No name of a field is empty. */
export const DRAWS = "!";
/** What the core leaves of a rejection, characters. */
const MAX_REJECTION = 1024;

type Chunks = Iterable<readonly [id: string, chunk: Uint8Array | null]>;

/** A machine that runs the operations and queries of a definition on collections and counters. */
export class TypedMachine implements StateMachine {
  readonly version: string;
  readonly lazyLoading: LazyLoading = {
    unload: (isEmpty) => isEmpty ? this.#map.fill([]) : this.#map.unload(),
    load: (chunks) => {
      for (const { id, chunk, isFirst, next } of chunks) this.#map.load(decodeChunk(id, chunk), { isFirst, next });
    },
    checker: () => chunkChecker(this.#map),
    needs: () => [],
    needsToSeal: () => this.#map.mergeLeaves(),
    mark: () => (this.#before = this.#map.isWhole ? null : []) !== null,
    undo: () => this.#undo(),
  };
  readonly #definition: Definition;
  readonly #map: LeafMap;
  readonly #scope = new Scope();
  readonly #state: unknown;
  #listener: ((change: StateChange) => void) | null = null;
  /**
   * The changes since the last mark: keys, and their former values. `null`: none can be undone, as all is in memory.
   */
  #before: (readonly [key: string, value: string | undefined])[] | null = null;

  /** `chunkSize`: for tests. All replicas must use the same. */
  constructor(definition: Definition, chunkSize = CHUNK_SIZE) {
    this.#definition = definition;
    this.#map = new LeafMap(chunkSize);
    this.version = `${definition.name}/${definition.version}`;
    const fields = Object.entries(definition.state);
    this.#state = Object.freeze(
      Object.fromEntries(fields.map(([name, field]) => [name, handleOf(this.#scope, name, field)])),
    );
  }

  observeChanges(listener: ((change: StateChange) => void) | null): void {
    this.#listener = listener;
  }

  execute(operation: Uint8Array, context: OperationContext): Uint8Array {
    const { op, input } = decodeCall(operation);
    const runnable = this.#definition.operations[op];
    // A read for which replicas gave no quorum of equal answers is ordered.
    return this.#run(op, input, context, runnable ?? this.#queryOf(op), runnable !== undefined);
  }

  query(operation: Uint8Array, context?: OperationContext): Uint8Array {
    const { op, input } = decodeCall(operation);
    return this.#run(op, input, context ?? NOBODY, this.#queryOf(op), false);
  }

  takeChanges(): ReturnType<StateMachine["takeChanges"]> {
    invariant(this.#map.mergeLeaves().length === 0, "loading", "all that is needed is loaded");
    return this.#map.takeChanges().map(([id, leaf]) => [id, leaf && encodeChunk(leaf)]);
  }

  freezeChanges(): FrozenChanges {
    invariant(this.#map.mergeLeaves().length === 0, "loading", "all that is needed is loaded");
    return freezeChunks(this.#map);
  }

  restore(chunks: Chunks): void {
    const leaves = new Map(this.#map.leaves().map((leaf) => [leaf.id, leaf]));
    for (const [id, chunk] of chunks) {
      if (chunk === null) leaves.delete(id);
      else leaves.set(id, decodeChunk(id, chunk));
    }
    this.#map.fill([...leaves.values()]);
  }

  /**
   * Calls `use` with the state, which it may change. If `use` throws, nothing is changed. All of the state is in
   * memory.
   */
  within<T>(use: (state: unknown) => T, { time, mayWrite }: { readonly time: number; readonly mayWrite: boolean }): T {
    const draft = new Draft(this.#map);
    this.#scope.running = { draft, time, mayWrite };
    try {
      const result = use(this.#state);
      if (mayWrite) draft.apply(() => {});
      return result;
    } finally {
      this.#scope.running = null;
    }
  }

  #queryOf(op: string): Runnable {
    const query = this.#definition.queries[op];
    if (query) return query;
    throw rejection("unknown", { name: op.slice(0, 64) });
  }

  #run(op: string, input: unknown, context: OperationContext, runnable: Runnable, mayWrite: boolean): Uint8Array {
    const valid = runnable.input
      ? validate(runnable.input, `${op}.input`, input)
      : input === undefined
      ? { value: input }
      : { at: "." };
    if ("at" in valid) throw rejection("invalid", { at: valid.at });
    const draft = new Draft(this.#map);
    this.#scope.running = { draft, time: context.timestamp, mayWrite };
    try {
      const result = runnable.run(this.#state, valid.value, this.#contextOf(context, draft, mayWrite));
      if (draft.missing) throw draft.missing;
      const bytes = encodeResult(op, runnable, result);
      if (mayWrite) draft.apply((key, before, value) => this.#note(key, before, value));
      return bytes;
    } catch (error) {
      throw draft.missing ?? (error instanceof Rejection ? this.#rejected(op, error) : notOurs(error));
    } finally {
      this.#scope.running = null;
    }
  }

  #contextOf({ client, timestamp: time, sequence }: OperationContext, draft: Draft, mayWrite: boolean): Context {
    let numbers: (() => number) | null = null;
    return {
      client,
      time,
      sequence,
      random: () => {
        if (!numbers) {
          const draws = draft.get(DRAWS) ?? "0";
          if (mayWrite) draft.set(DRAWS, String(Number(draws) + 1));
          numbers = numbersFrom(`${sequence} ${time} ${client} ${draws}`);
        }
        return numbers();
      },
      reject: (error: string, detail?: unknown) => {
        throw new Rejection(error, detail);
      },
    };
  }

  #rejected(op: string, { error, detail }: Rejection): Error {
    const schema = this.#definition.errors[error];
    if (!schema) return new TypeError(`${op}: expected an error of the machine, got reject(${JSON.stringify(error)})`);
    const valid = validate(schema, `errors.${error}`, detail);
    if ("at" in valid) {
      return new TypeError(
        `${op}: reject(${JSON.stringify(error)}): expected what its schema asks for, got something else at ${valid.at}`,
      );
    }
    const text = detail === undefined ? undefined : jsonText(detail, `errors.${error}`);
    const rejected = new RejectedOperation(error, detail, text);
    if (rejected.message.length <= MAX_REJECTION) return rejected;
    return new RangeError(`${op}: reject(${JSON.stringify(error)}): expected at most ${MAX_REJECTION} characters`);
  }

  #note(key: string, before: string | undefined, value: string | null): void {
    this.#before?.push([key, before]);
    this.#listener?.({ key, value });
  }

  #undo(): void {
    for (const [key, value] of this.#before?.reverse() ?? []) {
      if (value === undefined) this.#map.delete(key);
      else this.#map.set(key, value);
    }
    this.#before = null;
  }
}

/** For callers that give no context, as before there was one. */
const NOBODY = { client: "", timestamp: 0, sequence: 0 } as OperationContext;

function encodeResult(op: string, runnable: Runnable, result: unknown): Uint8Array {
  if (isThenable(result)) {
    ignore(result);
    throw new TypeError(`${op}: expected a result at once, got a promise`);
  }
  if (runnable.output) {
    const valid = validate(runnable.output, `${op}.output`, result);
    if ("at" in valid) {
      throw new TypeError(`${op}: expected the result that its schema asks for, got something else at ${valid.at}`);
    }
  }
  return result === undefined ? new Uint8Array() : utf8(jsonText(result, `${op}: result`));
}

/**
 * An `OperationError` that `run` throws counts as what it is: a rejection in words. But `run` must not report missing
 * state itself.
 */
function notOurs(error: unknown): unknown {
  return error instanceof NotLoadedError ? new TypeError("expected no NotLoadedError of run's own") : error;
}
