/**
 * One call of a state machine whose author may have made any mistake.
 * @module
 */
import { OperationError, type StateMachine } from "../../core/state_machine.ts";
import { type Call, shownResult } from "../world/observed_core.ts";
import { short } from "./finding.ts";

/** The chunks of a state, by id. */
export type Chunks = ReadonlyMap<string, Uint8Array>;

/** What a machine answered. */
export interface Answer {
  /** The bytes, if it gave some. */
  readonly value: Uint8Array | null;
  /** The answer for people. */
  readonly text: string;
  /** What answers are compared by: the bytes, or what was thrown. */
  readonly said: Uint8Array;
  /** What it did that it must not, such as `it threw`; `null`: nothing of the kind. */
  readonly failure: string | null;
}

/** Calls a machine. */
export function ask(machine: StateMachine, method: "execute" | "query", { operation, ...context }: Call): Answer {
  try {
    const { sequence, timestamp, client } = context;
    const value: unknown = machine[method](operation.slice(), { sequence, timestamp, client });
    if (value instanceof Uint8Array) {
      const copy = value.slice();
      return { value: copy, text: short(shownResult(copy)), said: copy, failure: null };
    }
    ignoreRejection(value);
    const text = kindOf(value);
    return { value: null, text, said: utf8(text), failure: "it returned" };
  } catch (error) {
    ignoreRejection(error);
    if (error instanceof OperationError) {
      const text = `rejected: ${error.message}`;
      return { value: null, text: short(text), said: utf8(text), failure: null };
    }
    return { value: null, text: short(textOf(error)), said: utf8(wordsOf(error)), failure: "it threw" };
  }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The chunks after the changes of a machine. @throws {TypeError} if it gave something else than chunks. */
export function take(machine: StateMachine, before: Chunks): Chunks {
  const changes: unknown = machine.takeChanges();
  ignoreRejection(changes);
  if (typeof (changes as Iterable<unknown> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw new TypeError(`takeChanges() returned ${kindOf(changes)}, expected chunks`);
  }
  const chunks = new Map(before);
  let isChanged = false;
  for (const change of changes as Iterable<unknown>) {
    const [id, chunk]: readonly unknown[] = Array.isArray(change) ? change : [];
    if (typeof id !== "string") throw new TypeError(`takeChanges() gave ${kindOf(change)}, expected [id, chunk]`);
    if (chunk !== null && !(chunk instanceof Uint8Array)) {
      throw new TypeError(`takeChanges() gave ${kindOf(chunk)} as chunk ${id}, expected a Uint8Array or null`);
    }
    isChanged = true;
    if (chunk) chunks.set(id, chunk.slice());
    else chunks.delete(id);
  }
  return isChanged ? chunks : before;
}

/** Gives a machine chunks. @throws {TypeError} if it takes them later. */
export function restore(machine: StateMachine, chunks: Iterable<readonly [string, Uint8Array | null]>): void {
  const copies = [...chunks].map(([id, chunk]) => [id, chunk && chunk.slice()] as const);
  const returned: unknown = machine.restore(copies);
  if (typeof (returned as PromiseLike<unknown> | null | undefined)?.then !== "function") return;
  ignoreRejection(returned);
  throw new TypeError("restore() returned a promise, expected the chunks in place at once");
}

/** What a state must be given to become another. */
export function changesBetween(from: Chunks, to: Chunks): readonly (readonly [string, Uint8Array | null])[] {
  const changed = [...to].filter(([id, chunk]) => !isSame(from.get(id), chunk));
  return [...changed, ...[...from.keys()].filter((id) => !to.has(id)).map((id) => [id, null] as const)];
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** An unhandled rejection would end the process. */
export function ignoreRejection(value: unknown): void {
  try {
    const { then } = value as PromiseLike<unknown>;
    if (typeof then === "function") then.call(value, () => {}, () => {});
  } catch { /* It is no promise. */ }
}

/** A value that is not what was expected, for people. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if ("then" in value) return "a promise";
  if (Array.isArray(value)) return "a list";
  if (value instanceof ArrayBuffer) return "an ArrayBuffer";
  if (ArrayBuffer.isView(value)) return "another view of a buffer";
  if (Symbol.asyncIterator in value) return "an asynchronous iterator";
  return Symbol.iterator in value && "next" in value ? "an iterator" : "an object";
}

/** Where this package is: its own places are not the author's. */
const PACKAGE = new URL("../../", import.meta.url).href;

/** An error with the first place of its stack that is the author's. */
export function textOf(error: unknown): string {
  try {
    const frames = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)) : [];
    const own = frames.find((line) => /:\d+:\d+\)?$/.test(line) && !line.includes(PACKAGE) && !/node:|ext:/.test(line));
    const place = /([^/\\(]+:\d+):\d+\)?$/.exec(own ?? "")?.[1]?.replace(/\?[^:]*/, "");
    return `${String(error)}${place === undefined ? "" : ` (${place})`}`;
  } catch {
    return NO_TEXT;
  }
}

function wordsOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return NO_TEXT;
  }
}

const NO_TEXT = "something that has no text";
