/**
 * What can go wrong with an operation, told apart by what the caller may do next.
 * @module
 */
import type { Refusal } from "../core/messages/messages.ts";
import type { SequenceNumber } from "../core/messages/ids.ts";
import type { Receipt } from "./proofs/receipt.ts";

/**
 * Whether the operation may have changed the replicated state. `none`: it has not and never will, so it may be
 * invoked again. `unknown`: it may have been executed, or may yet be.
 */
export type Effect = "none" | "unknown";

/** The base of all errors that a client rejects with, save the caller's own `signal.reason` and `TypeError`s. */
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

/** The operation was ordered and the state machine said no. The message is the machine's. */
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

/** A quorum says that the operation of a query is not a read, or that the state machine rejects it. */
export class QueryRejectedError extends ClientError {
  /** "QueryRejectedError". */
  override readonly name: string = "QueryRejectedError";
  /** Made by the client. */
  constructor(message: string) {
    super(message, "none");
  }
}

/** The operation was ordered, but never given to the state machine. */
export class RefusedError extends ClientError {
  /** "RefusedError". */
  override readonly name: string = "RefusedError";
  /** Made by the client. */
  constructor(
    /** Why. */
    readonly refusal: Refusal,
    effect: Effect,
  ) {
    super(`the replicas refused the request: ${refusal}`, effect);
  }
}

/**
 * The replicas no longer remember the session in which the operation was sent, so they can't tell whether it was
 * executed before they forgot. It is not run again by itself; later operations go on in a new session.
 */
export class SessionExpiredError extends ClientError {
  /** "SessionExpiredError". */
  override readonly name: string = "SessionExpiredError";
  /** Made by the client. */
  constructor() {
    super("the session has expired: the operation may or may not have been executed, and is not retried", "unknown");
  }
}

/** More than f replicas answered with an HTTP error that repeating the request won't mend. */
export class RequestDeniedError extends ClientError {
  /** "RequestDeniedError". */
  override readonly name: string = "RequestDeniedError";
  /** Made by the client. */
  constructor(
    /** The HTTP status, 400 to 499. */
    readonly status: number,
    /** What a replica said about it. Unsigned. */
    readonly detail: string,
  ) {
    super(`the replicas deny the request: HTTP ${status}: ${detail}`, "unknown");
  }
}

/** The client's `timeoutMs` passed before f + 1 replicas agreed on an answer. */
export class TimeoutError extends ClientError {
  /** "TimeoutError". */
  override readonly name: string = "TimeoutError";
  /** Made by the client. */
  constructor(timeoutMs: number, effect: Effect) {
    const fate = effect === "none" ? "was never sent" : "may or may not have been executed";
    super(`no agreed answer within ${timeoutMs} ms: the operation ${fate}`, effect);
  }
}

/** Too many operations wait in this client already; none of this one has been sent. */
export class QueueFullError extends ClientError {
  /** "QueueFullError". */
  override readonly name: string = "QueueFullError";
  /** Made by the client. */
  constructor(operations: number, bytes: number) {
    super(`too much is waiting to be sent already: ${operations} operations, ${bytes} bytes`, "none");
  }
}

/** The client was closed. */
export class ClientClosedError extends ClientError {
  /** "ClientClosedError". */
  override readonly name: string = "ClientClosedError";
  /** Made by the client. */
  constructor(effect: Effect) {
    super(
      effect === "none"
        ? "the client is closed"
        : "the client was closed: the operation may or may not have been executed",
      effect,
    );
  }
}

/** Evidence doesn't prove that anybody is faulty. */
export class EvidenceError extends Error {
  /** "EvidenceError". */
  override readonly name: string = "EvidenceError";
}
