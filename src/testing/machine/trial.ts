/**
 * One call of a state machine whose author may have made any mistake.
 * @module
 */
import { OperationError, type StateMachine } from "../../core/state_machine.ts";
import { type Call, shown } from "../world/observed_core.ts";
import { short } from "./finding.ts";

/** The chunks of a state, by id. */
export type Chunks = ReadonlyMap<string, Uint8Array>;

/** What a machine answered. */
export interface Answer {
  /** The bytes, if it gave some. */
  readonly value: Uint8Array | null;
  /** The answer for people. */
  readonly text: string;
  /** What it did that it must not, such as `it threw`; `null`: nothing of the kind. */
  readonly failure: string | null;
}

/** Calls a machine. */
export function ask(machine: StateMachine, method: "execute" | "query", { operation, ...context }: Call): Answer {
  try {
    const { sequence, timestamp, client } = context;
    const value: unknown = machine[method](operation.slice(), { sequence, timestamp, client });
    if (value instanceof Uint8Array) return { value: value.slice(), text: short(shown(value)), failure: null };
    ignoreRejection(value);
    return { value: null, text: kindOf(value), failure: "it returned" };
  } catch (error) {
    ignoreRejection(error);
    if (error instanceof OperationError) {
      return { value: null, text: `rejected: ${short(error.message)}`, failure: null };
    }
    return { value: null, text: short(textOf(error)), failure: "it threw" };
  }
}

/** The chunks after the changes of a machine. */
export function take(machine: StateMachine, before: Chunks): Chunks {
  const changes = [...machine.takeChanges()];
  if (changes.length === 0) return before;
  const chunks = new Map(before);
  for (const [id, chunk] of changes) {
    if (chunk) chunks.set(id, chunk.slice());
    else chunks.delete(id);
  }
  return chunks;
}

/** An unhandled rejection would end the process. */
export function ignoreRejection(value: unknown): void {
  try {
    const { then } = value as PromiseLike<unknown>;
    if (typeof then === "function") then.call(value, () => {}, () => {});
  } catch { /* It is no promise. */ }
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if ("then" in value) return "a promise";
  return ArrayBuffer.isView(value) ? "another view of a buffer" : "an object";
}

/** An error with the first place of its stack, which is the author's. */
function textOf(error: unknown): string {
  try {
    const place = error instanceof Error ? /\n\s+at .*?([^/\\(]+:\d+):\d+\)?/.exec(error.stack ?? "")?.[1] : undefined;
    return `${String(error)}${place === undefined ? "" : ` (${place})`}`;
  } catch {
    return "something that has no text";
  }
}
