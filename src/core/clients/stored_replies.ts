/**
 * Replies that the client table stores to answer retransmissions.
 * @module
 */
import type { Digest, SequenceNumber } from "../messages/ids.ts";
import type { Plain } from "../io.ts";
import type { Result } from "../messages/messages.ts";

/** The reply to one executed request. */
export interface StoredReply {
  /** Digest of the request, or of the vouched operation. */
  readonly digest: Digest;
  readonly results: readonly Result[];
  /** Bytes of all result values together. */
  readonly bytes: number;
}

const STATUSES = ["ok", "rejected", "refused"] as const;

/** Bytes of the result values of all these replies. */
export function storedBytes(replies: ReadonlyMap<number, StoredReply>): number {
  let bytes = 0;
  for (const reply of replies.values()) bytes += reply.bytes;
  return bytes;
}

/** Makes a stored reply of a request's results. */
export function storedReply(digest: Digest, results: readonly Result[]): StoredReply {
  return { digest, results, bytes: results.reduce((sum, { value }) => sum + value.length, 0) };
}

/** Encodes replies by ascending timestamp, so that equal replies have equal bytes. */
export function encodeReplies(replies: ReadonlyMap<number, StoredReply>): Plain {
  return [...replies].sort(([a], [b]) => a - b).map(([timestamp, { digest, results }]) => [
    timestamp,
    digest,
    results.map(({ sequence, status, value }) => [sequence, STATUSES.indexOf(status), value]),
  ]);
}

/** The inverse of {@linkcode encodeReplies}. */
export function decodeReplies(plain: Plain): Map<number, StoredReply> {
  const replies = plain as unknown as [number, Digest, [SequenceNumber, number, Uint8Array][]][];
  return new Map(replies.map(([timestamp, digest, results]) => [
    timestamp,
    storedReply(digest, results.map(([sequence, status, value]) => ({ sequence, status: STATUSES[status]!, value }))),
  ]));
}
