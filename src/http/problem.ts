/**
 * Errors as `application/problem+json` (RFC 9457), with one table of all kinds.
 * @module
 */
import type { Refusal } from "../core/messages/messages.ts";
import type { Rejection, RejectionReason } from "../node/ports.ts";

/**
 * Every kind of problem: its HTTP status and title. The `type` of a problem is `urn:problem-type:pbft:` and the key.
 */
export const PROBLEMS = {
  "malformed": [400, "Malformed request"],
  "not-accepted-here": [400, "Not accepted at this route"],
  "wrong-signature": [401, "Wrong signature"],
  "unknown-signer": [403, "Signer is not a member of the cluster"],
  "wrong-cluster": [403, "Message for another cluster"],
  "not-admitted": [403, "Client not admitted"],
  "not-a-reader": [403, "Not allowed to read"],
  "not-found": [404, "No such route"],
  "method-not-allowed": [405, "Method not allowed"],
  "body-timeout": [408, "Body timeout"],
  "stale-timestamp": [409, "Timestamp too old"],
  "timestamp-reused": [409, "Timestamp used for another operation"],
  "unknown-session": [409, "Unknown session"],
  "beyond-window": [409, "Timestamp too far ahead"],
  "not-a-member": [410, "Not a member of the cluster"],
  "too-large": [413, "Too large"],
  "unsupported-media-type": [415, "Unsupported content type"],
  "wrong-host": [421, "Unknown host name"],
  "rejected": [422, "Operation rejected by the state machine"],
  "overloaded": [429, "Overloaded"],
  "too-many-requests": [429, "Rate limit exceeded"],
  "too-many-clients": [429, "Too many clients"],
  "reply-storage-full": [429, "Reply storage full"],
  "internal-error": [500, "Internal error"],
  "unavailable": [503, "Replica unavailable"],
  "no-quorum": [504, "No quorum in time"],
  "too-early": [504, "Gateway too far ahead"],
  "expired": [504, "Request expired"],
} as const satisfies Record<RejectionReason | Refusal | string, readonly [number, string]>;

/** A kind of problem. */
export type ProblemKind = keyof typeof PROBLEMS;

/** Details of one problem. */
export interface ProblemDetails {
  /** For people: the fault of this request, and the next step. */
  readonly detail: string;
  /** The wrong field. */
  readonly field?: string;
  /** The expected value. */
  readonly expected?: string;
  /** The actual value. Shortened to 200 characters. */
  readonly got?: string;
  /** Headers of the response. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem object. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Default `Retry-After` of 429 and 503, seconds. */
const RETRY_AFTER_SECONDS = "1";

/**
 * Makes the response to a request that failed.
 * @example
 * ```ts
 * import { problem } from "@pbft/edge/hono";
 * const response = problem("not-found", { detail: "no such route: GET /nowhere" });
 * console.log(response.status); // 404
 * ```
 */
export function problem(kind: ProblemKind, details: ProblemDetails): Response {
  const [status, title] = PROBLEMS[kind];
  const { detail, field, expected, got, headers, more } = details;
  const body = JSON.stringify({
    type: `urn:problem-type:pbft:${kind}`,
    title,
    status,
    detail,
    field,
    expected,
    got: got === undefined ? undefined : shorten(got),
    ...more,
  });
  const retry: Record<string, string> = status === 429 || status === 503 ? { "retry-after": RETRY_AFTER_SECONDS } : {};
  return new Response(body + "\n", {
    status,
    headers: { "content-type": "application/problem+json", ...retry, ...headers },
  });
}

/** The response to a frame or request that the gate rejected. */
export function problemOf(rejection: Rejection, more?: Readonly<Record<string, unknown>>): Response {
  return problem(rejection.reason, { detail: rejection.detail, more: { kind: rejection.kind, ...more } });
}

/** An error with a problem. A route throws it; the response is {@linkcode problem}. */
export class Problem extends Error {
  override name = "Problem";
  constructor(readonly kind: ProblemKind, readonly details: ProblemDetails) {
    super(details.detail);
  }

  /** The response; a new one at each call. */
  toResponse(): Response {
    return problem(this.kind, this.details);
  }
}

/** A text that somebody sent, shortened for an answer: no answer to a refused request may be as long as the request. */
export function shorten(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}… (${text.length} characters)`;
}
