/**
 * Guards calls to the state machine. Its author's program may be wrong. Whatever it returns or throws, the outcome is
 * the same on every replica, and the author gets the error and its stack.
 * @module
 */
import type { ReplicaEvent } from "../events.ts";
import type { SequenceNumber } from "../messages/ids.ts";
import { InvariantError } from "../invariant.ts";
import {
  type ChunkNeed,
  type FrozenChanges,
  type LazyLoading,
  NotLoadedError,
  type StateMachine,
} from "../state_machine.ts";

/** The state machine broke its contract. The message names the method and says what it did. */
export class StateMachineError extends Error {
  /** @ignore */
  override name = "StateMachineError";
}

/** Something that was thrown, described for people. */
export interface Thrown {
  /** One line. */
  readonly error: string;
  /** The stack, if there is one. */
  readonly stack: string | null;
}

const MAX_ERROR_LENGTH = 1024;
const MAX_STACK_LENGTH = 8 * 1024;

/** Describes anything that can be thrown: an error, `null`, even an object that can't be converted to text. */
export function describeThrown(thrown: unknown): Thrown {
  try {
    const stack = thrown instanceof Error && typeof thrown.stack === "string" ? thrown.stack : null;
    return { error: String(thrown).slice(0, MAX_ERROR_LENGTH), stack: stack?.slice(0, MAX_STACK_LENGTH) ?? null };
  } catch {
    return { error: "it threw something that has no text", stack: null };
  }
}

/** The event for a failure of the state machine. `sequence` is 0 if it belongs to no operation. */
export function failureOf(thrown: unknown, sequence = 0): Extract<ReplicaEvent, { readonly kind: "operation-failed" }> {
  return { kind: "operation-failed", sequence: sequence as SequenceNumber, ...describeThrown(thrown) };
}

/**
 * A copy of the bytes that a method returned, because the machine may reuse its buffer. @throws {StateMachineError} if
 * the value is no Uint8Array.
 */
export function bytesFrom(method: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  ignoreRejection(value);
  throw new StateMachineError(`${method}() returned ${kindOf(value)}: expected a Uint8Array`);
}

/**
 * All changes of the state machine's chunks.
 * @throws {StateMachineError} if the machine throws, or returns something else.
 * @throws {InvariantError} if a lazily loaded machine finds that a chunk is not loaded, which is not its author's
 * fault.
 */
export function changesOf(machine: StateMachine): readonly (readonly [id: string, chunk: Uint8Array | null])[] {
  return guarded(machine, "takeChanges", () => checkedChanges("takeChanges", machine.takeChanges()));
}

/** Chunks by id, as a method of the author's has returned them. @throws {StateMachineError} if they are something else. */
export function checkedChanges(
  method: string,
  returned: unknown,
): readonly (readonly [id: string, chunk: Uint8Array | null])[] {
  return [...eachChange(method, returned)];
}

/** The same, one by one. */
export function* eachChange(
  method: string,
  returned: unknown,
): Generator<readonly [id: string, chunk: Uint8Array | null]> {
  const changes = returned as Iterable<unknown> | null | undefined;
  ignoreRejection(changes);
  if (typeof changes?.[Symbol.iterator] !== "function") {
    throw new StateMachineError(`${method}() returned ${kindOf(changes)}: expected a list`);
  }
  for (const one of changes) yield checkedChange(method, one);
}

/** The changes of a machine that can freeze them. @throws as {@linkcode changesOf}. */
export function frozenChangesOf(machine: StateMachine): FrozenChanges {
  const frozen = guarded(machine, "freezeChanges", () => machine.freezeChanges!());
  if (typeof frozen?.next !== "function") {
    throw new StateMachineError(`freezeChanges() returned ${kindOf(frozen)}: expected the changes`);
  }
  return {
    get size() {
      return guarded(machine, "freezeChanges().size", () => frozen.size);
    },
    next: () =>
      guarded(machine, "freezeChanges().next", () => {
        const change = frozen.next();
        return change === null ? null : checkedChange("freezeChanges().next", change);
      }),
  };
}

/**
 * The chunks that must be loaded before `operations`. If the machine throws, each operation is asked for by itself;
 * those on which it throws need nothing, because they will be rejected.
 */
export function needsOf(
  machine: StateMachine,
  lazyLoading: LazyLoading,
  operations: readonly Uint8Array[],
): readonly ChunkNeed[] {
  try {
    return guarded(machine, "lazyLoading.needs", () => [...lazyLoading.needs(operations)]);
  } catch (error) {
    if (!(error instanceof StateMachineError)) throw error;
    if (operations.length <= 1) return [];
    return operations.flatMap((operation) => needsOf(machine, lazyLoading, [operation]));
  }
}

/**
 * Calls a method that must not throw. @throws {StateMachineError} in place of whatever the method throws, with the
 * original stack.
 */
export function guarded<T>(machine: StateMachine, method: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    if (isOurs(machine, thrown) || thrown instanceof StateMachineError) throw thrown;
    const { error, stack } = describeThrown(thrown);
    const wrapped = new StateMachineError(`${method}() threw ${error}`, { cause: thrown });
    if (stack !== null) wrapped.stack = stack;
    throw wrapped;
  }
}

/** Whether the error is a broken invariant of this package rather than an error of the machine's author. */
export function isOurs({ lazyLoading }: StateMachine, thrown: unknown): boolean {
  return lazyLoading !== undefined && thrown instanceof InvariantError;
}

/** Whether the machine wants chunks loaded. One that can't undo a batch may not ask. */
export function isNotLoaded({ lazyLoading }: StateMachine, thrown: unknown): thrown is NotLoadedError {
  return lazyLoading?.undo !== undefined && thrown instanceof NotLoadedError && thrown.needs.length > 0;
}

/** A change, as a method of the author's has returned it. @throws {StateMachineError} if it is something else. */
export function checkedChange(method: string, change: unknown): readonly [string, Uint8Array | null] {
  const [id, chunk] = Array.isArray(change) ? change : [];
  if (typeof id !== "string" || !id.isWellFormed()) {
    throw new StateMachineError(`${method}() gave ${kindOf(id)} as an id: expected a well-formed string`);
  }
  if (chunk === null || chunk instanceof Uint8Array) return [id, chunk];
  throw new StateMachineError(`${method}() gave ${kindOf(chunk)} as chunk ${id}: expected a Uint8Array or null`);
}

/** Marks a returned promise as handled: an unhandled rejection would end the process. */
function ignoreRejection(value: unknown): void {
  try {
    if (isThenable(value)) value.then(() => {}, () => {});
  } catch { /* it is none, then */ }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (isThenable(value)) return "a promise";
  if (Array.isArray(value)) return "a list";
  return ArrayBuffer.isView(value) ? "another view of a buffer" : "an object";
}
