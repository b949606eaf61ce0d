/**
 * Gives the agreed results of a request to the callers of its operations.
 * @module
 */
import type { Refusal, Result } from "../../core/messages/messages.ts";
import { fromUtf8 } from "../../wire/codec/utf8.ts";
import type { Bundle, Call } from "./call.ts";
import type { Answered } from "./channel.ts";
import { OperationRejectedError, RefusedError, SessionExpiredError } from "../errors.ts";
import { Outcome } from "./outcome.ts";
import type { Receipt } from "../proofs/proven.ts";

/**
 * Ends each call of a bundle with its result. Returns the calls that were not executed because there was no room for
 * their results.
 */
export function deliver(bundle: Bundle, { frame, votes }: Answered): Call[] {
  const replies = votes.map((vote) => vote.frame);
  const { results } = votes[0]!.reply;
  const mayRunLater = isFull(results[0]!);
  return bundle.calls.filter((call, index) => {
    const result = results[index]!;
    // The request was executed without this operation, so the operation may be sent again.
    if (!mayRunLater && isFull(result)) return !call.hasEnded;
    end(call, result, { request: frame, replies, index });
    return false;
  });
}

function end(call: Call, result: Result, receipt: Receipt): void {
  switch (result.status) {
    case "ok":
      return call.resolve(new Outcome(result.value, result.sequence, receipt));
    case "rejected":
      return call.reject(new OperationRejectedError(fromUtf8(result.value), result.sequence, receipt));
    case "refused":
      return call.reject(refusalOf(result));
  }
}

/** Whether the whole request was refused until the client acknowledges earlier replies. */
export function mustAcknowledge({ votes }: Answered): boolean {
  return isFull(votes[0]!.reply.results[0]!);
}

function isFull(result: Result): boolean {
  return result.status === "refused" && fromUtf8(result.value) === "reply-storage-full";
}

/** Whether the replicas no longer know the request's session. */
export function hasLostSession({ votes }: Answered): boolean {
  const [result] = votes[0]!.reply.results;
  return result!.status === "refused" && fromUtf8(result!.value) === "unknown-session";
}

/**
 * The error for a refused result. Only after a refusal to open a session it is certain that nothing was executed. In
 * the other cases an earlier copy of the same request may have been executed, or may still be, until the session's next
 * request is executed.
 */
export function refusalOf(result: Result): RefusedError | SessionExpiredError {
  const refusal = fromUtf8(result.value) as Refusal;
  if (refusal === "unknown-session") return new SessionExpiredError();
  return new RefusedError(refusal, refusal === "too-many-clients" ? "none" : "unknown");
}
