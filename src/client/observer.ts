/**
 * What a client tells somebody who follows its calls, such as `@pbft/edge/telemetry`.
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber } from "../core/messages/ids.ts";

/** Follows the calls of a client. Errors that its methods throw are ignored. Left out, it costs nothing. */
export interface ClientObserver {
  /** A call begins, in the caller's turn. The returned observer is told of its way. */
  onCall?(kind: "operation" | "query"): CallObserver | undefined;
  /**
   * A request is signed and goes out; calls that are made at the same time share one. The returned observer is told of
   * its end.
   */
  onRequest?(request: SentRequest): RequestObserver | undefined;
}

/** Follows one call. */
export interface CallObserver {
  /**
   * The call goes out in the request with this digest. It may be called again, if the call has to be sent in another
   * request.
   */
  onSent?(request: Digest): void;
  /** The call has ended; `error`: why, if it failed. */
  onEnd?(error?: unknown): void;
}

/** A request that goes out. */
export interface SentRequest {
  /** SHA-256 of its signed bytes: all replicas know it by that. */
  readonly digest: Digest;
  /** The number of operations; 0 opens a session. */
  readonly operations: number;
}

/** Follows one request. */
export interface RequestObserver {
  /** f + 1 replicas agree on the results. */
  onAnswered?(answer: { readonly sequence: SequenceNumber; readonly replicas: readonly ReplicaId[] }): void;
  /** No answer is waited for any more. */
  onFailed?(reason: unknown): void;
}

/** Tells an observer something. */
export function tell<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    // An observer must not be able to stop the client.
    return undefined;
  }
}

/** Tells an observer of the end of a call. */
export async function followed<T>(call: Promise<T>, observer: CallObserver | undefined): Promise<T> {
  if (observer === undefined) return await call;
  try {
    const value = await call;
    tell(() => observer.onEnd?.());
    return value;
  } catch (error) {
    tell(() => observer.onEnd?.(error));
    throw error;
  }
}
