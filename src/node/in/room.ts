/**
 * What a node holds for others: taken when something comes, and given back once it is answered.
 * @module
 */
import type { Gateway } from "../gateway/gateway.ts";
import type { Intake } from "./intake.ts";

/** So much is held now. Once all is answered, nothing is. */
export interface Room {
  /** Frames of requests and members' messages that wait to be verified. */
  readonly inboxFrames: number;
  /** Their bytes. */
  readonly inboxBytes: number;
  /** Frames of queries that wait to be verified. */
  readonly queryFrames: number;
  /** Their bytes. */
  readonly queryBytes: number;
  /** Callers that wait for the answer to a request. */
  readonly waiters: number;
  /** Requests, and queries, that somebody waits for: different ones. */
  readonly waitedFor: number;
  /** Callers that wait for the answer to a query. */
  readonly queryWaiters: number;
  /** Operations of unsigned clients that are not answered yet. */
  readonly vouchedOperations: number;
  /** Their bytes. */
  readonly vouchedBytes: number;
  /** Requests under way that this member vouches for. */
  readonly bundles: number;
}

interface Way {
  readonly intake: Intake;
  readonly waiters: { readonly size: number; asked(): readonly unknown[] };
}

/** What requests, queries and operations that are vouched for take up. */
export function roomOf(requests: Way, queries: Way, { room: { operations, bytes, bundles } }: Gateway): Room {
  return {
    inboxFrames: requests.intake.frames,
    inboxBytes: requests.intake.bytes,
    queryFrames: queries.intake.frames,
    queryBytes: queries.intake.bytes,
    waiters: requests.waiters.size,
    waitedFor: requests.waiters.asked().length + queries.waiters.asked().length,
    queryWaiters: queries.waiters.size,
    vouchedOperations: operations,
    vouchedBytes: bytes,
    bundles,
  };
}
