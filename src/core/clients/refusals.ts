/**
 * Refusals: what the client table answers instead of having a request executed.
 * @module
 */
import type { SequenceNumber } from "../messages/ids.ts";
import type { Refusal, Request, Result } from "../messages/messages.ts";
import type { StoredReply } from "./stored_replies.ts";
import { utf8 } from "../tree/text.ts";

/** Stands in a refusal that is the same wherever in the order it is made, or if it is made without any order. */
export const NEVER = 0 as SequenceNumber;

/** A refusal as the result of one operation. */
export function refusal(reason: Refusal, sequence: SequenceNumber): Result {
  return { sequence, status: "refused", value: utf8(reason) };
}

/** One refusal for each operation. */
export function refuse(request: Request, reason: Refusal, sequence: SequenceNumber): readonly Result[] {
  return request.operations.map(() => refusal(reason, sequence));
}

/** The timestamp was another request's. Carries the number of the request that had the timestamp first, so that it is the same whenever it is said. */
export function reused(request: Request, stored: StoredReply): readonly Result[] {
  const sequence = stored.results[0]!.sequence;
  return request.operations.map(() => refusal("timestamp-reused", sequence));
}
