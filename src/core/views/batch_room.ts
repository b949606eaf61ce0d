/**
 * The room in batches: how much a primary puts into one, and what a backup concludes from one that had room left.
 * @module
 */
import type { Limits } from "../config.ts";
import type { Batch, SignedRequest } from "../messages/messages.ts";

/** What a request takes in a batch besides its bytes: the signature, and the heads of both. */
const FRAMING_BYTES = 64 + 16;

/** The bytes of a request in a batch, framing included. */
export function requestBytes({ bytes }: SignedRequest): number {
  return bytes.length + FRAMING_BYTES;
}

/**
 * The most operations that a primary puts into a batch of several requests. Each costs some 10 us to execute, however small it
 * is. So a gateway or client that fills batches with the smallest ones delays the others by 0.1 s a batch, not by a second.
 */
export const MAX_BATCH_OPERATIONS = 8_192;

/** The room that a batch had left. */
export interface Room {
  readonly fits: (request: SignedRequest) => boolean;
  /** Whether any request would have fitted, so that its primary can't have left one out because another one came first. */
  readonly isForAny: boolean;
}

/** The room that this batch had left. */
export function roomIn({ requests, bytes }: Batch, limits: Limits): Room {
  const operations = requests.reduce((sum, { message }) => sum + message.operations.length, 0);
  const has = (size: number, more: number) =>
    requests.length < limits.maxBatchRequests && bytes.length + size <= limits.maxBatchBytes &&
    operations + more <= MAX_BATCH_OPERATIONS;
  return {
    fits: (request) => has(requestBytes(request), request.message.operations.length),
    isForAny: has(limits.maxRequestBytes + FRAMING_BYTES, limits.maxRequestOperations),
  };
}
