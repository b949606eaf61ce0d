/**
 * From agreed results to what callers get.
 * @module
 */
import type { Refusal, Result } from "../core/messages.ts";
import { fromUtf8 } from "../wire/mod.ts";
import type { Bundle } from "./call.ts";
import type { Answered } from "./channel.ts";
import { OperationRejectedError, RefusedError, SessionExpiredError } from "./errors.ts";
import { Outcome } from "./outcome.ts";
import type { Receipt } from "./receipt.ts";

/** Ends each of a bundle's calls with its result. */
export function settle(bundle: Bundle, { frame, votes }: Answered): void {
  const replies = votes.map((vote) => vote.frame);
  votes[0]!.reply.results.forEach((result, index) => {
    const call = bundle.calls[index]!;
    const receipt: Receipt = { request: frame, replies, index };
    switch (result.status) {
      case "ok":
        return call.resolve(new Outcome(result.value, result.sequence, receipt));
      case "rejected":
        return call.reject(new OperationRejectedError(fromUtf8(result.value), result.sequence, receipt));
      case "refused":
        return call.reject(refusalOf(result));
    }
  });
}

/** Whether the replicas don't know the request's session any more. */
export function hasLostItsSession({ votes }: Answered): boolean {
  const [result] = votes[0]!.reply.results;
  return result!.status === "refused" && fromUtf8(result!.value) === "unknown-session";
}

/**
 * The error for a refused result. Only a refusal to open a session leaves no doubt: of any other, an earlier copy of
 * the same request may have been executed, or may yet be until the next request of the session is.
 */
export function refusalOf(result: Result): RefusedError | SessionExpiredError {
  const refusal = fromUtf8(result.value) as Refusal;
  if (refusal === "unknown-session") return new SessionExpiredError();
  return new RefusedError(refusal, refusal === "too-many-clients" ? "none" : "unknown");
}
