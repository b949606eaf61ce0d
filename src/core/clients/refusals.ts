/**
 * Refusals: results of operations that the client table does not let be executed.
 * @module
 */
import { type SequenceNumber, sequenceNumber } from "../messages/ids.ts";
import type { ClientRequest, Refusal, Result } from "../messages/messages.ts";
import type { StoredReply } from "./stored_replies.ts";
import { utf8 } from "../tree/text.ts";

/**
 * The sequence number in a refusal that is the same at every place in the order, or that is made without ordering the
 * request.
 */
export const UNORDERED = sequenceNumber(0);

/** The refusal of one operation. */
export function refusal(reason: Refusal, sequence: SequenceNumber): Result {
  return { sequence, status: "refused", value: utf8(reason) };
}

/** The refusal of a whole request: one result per operation. */
export function refuse(request: ClientRequest, reason: Refusal, sequence: SequenceNumber): readonly Result[] {
  return request.operations.map(() => refusal(reason, sequence));
}

/**
 * Refuses a request whose timestamp was used by another request. The refusal carries the sequence number of that other
 * request, so that it is the same each time.
 */
export function refuseReused(request: ClientRequest, stored: StoredReply): readonly Result[] {
  const sequence = stored.results[0]!.sequence;
  return request.operations.map(() => refusal("timestamp-reused", sequence));
}
