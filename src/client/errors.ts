/**
 * The errors of a client. They tell the caller whether the operation may be repeated.
 * @module
 */
import type { Refusal } from "../core/messages/messages.ts";
import type { SequenceNumber } from "../core/messages/ids.ts";
import type { Receipt } from "./proofs/proven.ts";

/**
 * Whether the operation may have changed the replicated state. `none`: it was not executed and never will be, so it may
 * be repeated. `unknown`: it may have been executed, or may still be.
 */
export type Effect = "none" | "unknown";

/**
 * The base class of the errors that a client rejects with. Exceptions are the caller's own `signal.reason`, `TypeError`
 * and `RangeError`.
 */
export class ClientError extends Error {
  /** "ClientError". */
  override readonly name: string = "ClientError";
  /** Made by the client. */
  constructor(
    message: string,
    /** Whether the operation may have changed the state. */
    readonly effect: Effect,
  ) {
    super(message);
  }
}

/** The operation was ordered, and the state machine rejected it. The message is the state machine's. */
export class OperationRejectedError extends ClientError {
  /** "OperationRejectedError". */
  override readonly name: string = "OperationRejectedError";
  /** Made by the client. */
  constructor(
    message: string,
    /** The sequence number at which it was rejected. */
    readonly sequence: SequenceNumber,
    /** Proof that it was rejected. */
    readonly receipt: Receipt,
  ) {
    super(message, "none");
  }
}

/** A quorum answered that the operation of a query is not a read, or that the state machine rejects it. */
export class QueryRejectedError extends ClientError {
  /** "QueryRejectedError". */
  override readonly name: string = "QueryRejectedError";
  /** Made by the client. */
  constructor(message: string) {
    super(message, "none");
  }
}

/** The operation was ordered, but the state machine did not get it. */
export class RefusedError extends ClientError {
  /** "RefusedError". */
  override readonly name: string = "RefusedError";
  /** Made by the client. */
  constructor(
    /** The reason. */
    readonly refusal: Refusal,
    effect: Effect,
  ) {
    super(`the replicas refused the request: ${refusal}`, effect);
  }
}

/**
 * The replicas no longer know the session in which the operation was sent, so they cannot tell whether they executed it
 * before. The client does not repeat it. Later operations use a new session.
 */
export class SessionExpiredError extends ClientError {
  /** "SessionExpiredError". */
  override readonly name: string = "SessionExpiredError";
  /** Made by the client. */
  constructor() {
    super("the session has expired: the operation may or may not have been executed, and is not repeated", "unknown");
  }
}

/** More than f replicas answered with an HTTP error that would come again if the request were repeated. */
export class RequestDeniedError extends ClientError {
  /** "RequestDeniedError". */
  override readonly name: string = "RequestDeniedError";
  /** Made by the client. */
  constructor(
    /** The HTTP status, 400 to 499. */
    readonly status: number,
    /** The explanation of one replica. It is not signed. */
    readonly detail: string,
  ) {
    super(`the replicas deny the request: HTTP ${status}: ${detail}`, "unknown");
  }
}

/** There was no agreement of f + 1 replicas within the client's `timeoutMs`. */
export class TimeoutError extends ClientError {
  /** "TimeoutError". */
  override readonly name: string = "TimeoutError";
  /** Made by the client. */
  constructor(timeoutMs: number, effect: Effect, excuse: string) {
    const fate = effect === "none" ? "was never sent" : "may or may not have been executed";
    super(`no agreed answer within ${timeoutMs} ms: the operation ${fate}${excuse}`, effect);
  }
}

/** Too many operations are waiting in this client. This operation was not sent. */
export class QueueFullError extends ClientError {
  /** "QueueFullError". */
  override readonly name: string = "QueueFullError";
  /** Made by the client. */
  constructor(operations: number, bytes: number) {
    super(`${operations} operations of ${bytes} bytes are waiting to be sent: try again later`, "none");
  }
}

/** The client was closed. */
export class ClientClosedError extends ClientError {
  /** "ClientClosedError". */
  override readonly name: string = "ClientClosedError";
  /** Made by the client. */
  constructor(effect: Effect) {
    super(
      `the client is closed${effect === "none" ? "" : ": the operation may or may not have been executed"}`,
      effect,
    );
  }
}

/** Evidence does not prove the misconduct of a replica. */
export class EvidenceError extends Error {
  /** "EvidenceError". */
  override readonly name: string = "EvidenceError";
}
