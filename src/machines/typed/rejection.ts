/**
 * Rejections: how a machine says no, and the bytes by which it says so. They are the same on every replica.
 * @module
 */
import { OperationError } from "../../core/state_machine.ts";

/**
 * A typed machine rejected an operation or a query. The message is JSON,
 * `{"error":"tooLittle","detail":{"balance":3}}`.
 *
 * Besides the errors of the machine's own there are `invalid` (an input that the schema does not allow; `detail.at` is
 * the path of the field), `unknown` (no operation or query has that name) and `malformed` (not JSON of the right form).
 */
export class RejectedOperation extends OperationError {
  /** @ignore */
  override name = "RejectedOperation";
  /** The name of the error. */
  readonly error: string;
  /** What the error says more. */
  readonly detail: unknown;
  /** Made by the machine. `text`: the detail as JSON. */
  constructor(error: string, detail: unknown, text: string | undefined) {
    super(`{"error":${JSON.stringify(error)}${text === undefined ? "" : `,"detail":${text}`}}`);
    this.error = error;
    this.detail = detail;
  }
}

/** A rejection by a machine itself, not by its author. */
export function rejection(
  error: "invalid" | "unknown" | "malformed",
  detail: Readonly<Record<string, string>>,
): RejectedOperation {
  return new RejectedOperation(error, detail, JSON.stringify(detail));
}

/** What `run` throws to reject. It is no `OperationError` yet: its name and its detail are still to be checked. */
export class Rejection {
  constructor(readonly error: string, readonly detail: unknown) {}
}

/**
 * Rejects the operation or the query that is being run: it changes nothing, and its caller gets this error. `error` is
 * one of the machine's `errors`. `ctx.reject` does the same and knows the types of these.
 */
export function reject(error: string, detail?: unknown): never {
  throw new Rejection(error, detail);
}

/** Reads the message of a rejection; `null`: it is of another kind. */
export function readRejection(message: string): { readonly error: string; readonly detail: unknown } | null {
  try {
    const { error, detail } = JSON.parse(message) as { readonly error?: unknown; readonly detail?: unknown };
    return typeof error === "string" ? { error, detail } : null;
  } catch {
    return null;
  }
}
