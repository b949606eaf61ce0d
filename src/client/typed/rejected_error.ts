/**
 * The rejection of a typed call.
 * @module
 */
import type { SequenceNumber } from "../../core/messages/ids.ts";
import { readRejection } from "../../machines/typed/rejection.ts";
import { ClientError, OperationRejectedError, QueryRejectedError } from "../errors.ts";
import type { Receipt } from "../proofs/proven.ts";

/**
 * The machine rejected a call: with one of its own errors; or with `invalid`, because the schema does not allow the
 * input (`detail.at` is the path of the field); or with `failed`, because of a mistake in the machine (`detail` is what
 * the replicas say). Nothing was changed.
 */
export class RejectedError extends ClientError {
  /** "RejectedError". */
  override readonly name: string = "RejectedError";
  /** Made by the client. */
  constructor(
    /** The name of the call. */
    readonly call: string,
    /** The name of the error. */
    readonly error: string,
    /** What the error says more. */
    readonly detail: unknown,
    /** The sequence number at which an operation was rejected; `null`: a query, or nothing was sent. */
    readonly sequence: SequenceNumber | null,
    /** Proof that an operation was rejected; `null`: as before. */
    readonly receipt: Receipt | null,
  ) {
    super(`${call} was rejected: ${error}${detail === undefined ? "" : ` ${JSON.stringify(detail)}`}`, "none");
  }
}

/** The rejection that an error of the client stands for; any other error as it is. */
export function rejectedError(call: string, error: unknown): unknown {
  const isOperation = error instanceof OperationRejectedError;
  if (!isOperation && !(error instanceof QueryRejectedError)) return error;
  const { error: name, detail } = readRejection(error.message) ?? { error: "failed", detail: error.message };
  const [sequence, receipt] = isOperation ? [error.sequence, error.receipt] : [null, null];
  return new RejectedError(call, name, detail, sequence, receipt);
}
