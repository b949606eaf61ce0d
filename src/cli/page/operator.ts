/**
 * What a page may do to a local cluster.
 * @module
 */
import type { ProcessState } from "./cluster_feed.ts";

/** What can be done to one replica. */
export const ACTIONS = ["stop", "start", "pause", "resume", "cut", "join"] as const;

/** One of them. */
export type ReplicaAction = typeof ACTIONS[number];

/** Does it. */
export interface Operator {
  /** How the replica's process is. */
  stateOf(name: string): ProcessState;
  /** @throws {OperatorError} if it cannot be done now. */
  act(action: ReplicaAction, name: string): void | Promise<void>;
}

/** An action that is impossible now. The message says why. */
export class OperatorError extends Error {
  override name = "OperatorError";
}

/** What a page asks for. */
export type Asked =
  | { readonly action: ReplicaAction; readonly replica: string }
  | { readonly action: "request"; readonly operation: string; readonly replica?: string };

/** The longest operation, characters. */
const MAX_OPERATION = 4_096;

/** Checks what a page asks for. @throws {OperatorError} that names the wrong field. */
export function parseAsked(value: unknown, members: readonly string[]): Asked {
  if (typeof value !== "object" || value === null) throw new OperatorError("expected an object with the field action");
  const { action, replica, operation } = value as Readonly<Record<string, unknown>>;
  if (replica !== undefined && !members.includes(replica as string)) {
    throw new OperatorError(`replica: expected one of ${members.join(", ")}`);
  }
  if (action === "request") {
    if (typeof operation === "string" && operation !== "" && operation.length <= MAX_OPERATION) {
      return { action, operation, ...(replica !== undefined && { replica: replica as string }) };
    }
    throw new OperatorError(`operation: expected a text of 1 to ${MAX_OPERATION} characters`);
  }
  const known = ACTIONS.find((one) => one === action);
  if (known === undefined) throw new OperatorError(`action: expected request, ${ACTIONS.join(", ")}`);
  if (replica === undefined) throw new OperatorError("replica: expected a member's name, got nothing");
  return { action: known, replica: replica as string };
}
