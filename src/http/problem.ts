/**
 * Errors as `application/problem+json` (RFC 9457): one table of all that this module answers with.
 * @module
 */
import type { Refusal } from "../core/messages/messages.ts";
import type { Rejection, RejectionReason } from "../node/ports.ts";

/** Every kind of problem: its HTTP status and its title. The `type` is `urn:problem-type:pbft:` and the key. */
export const PROBLEMS = {
  "malformed": [400, "The request is malformed"],
  "not-accepted-here": [400, "This route does not take that kind of message"],
  "wrong-signature": [401, "The signature does not fit"],
  "unknown-signer": [403, "The signer is not a member"],
  "wrong-cluster": [403, "This is for another cluster"],
  "not-admitted": [403, "The client is not admitted here"],
  "not-a-reader": [403, "This may not be read from here"],
  "not-found": [404, "There is nothing here"],
  "method-not-allowed": [405, "This route does not take that method"],
  "body-timeout": [408, "The body took too long to arrive"],
  "stale-timestamp": [409, "The timestamp is too old to be remembered"],
  "timestamp-reused": [409, "The timestamp was used for another operation"],
  "unknown-session": [409, "The session is unknown"],
  "beyond-window": [409, "The timestamp is too far ahead"],
  "too-large": [413, "The body is too large"],
  "unsupported-media-type": [415, "This content type is not taken here"],
  "wrong-host": [421, "This replica is not called so"],
  "rejected": [422, "The state machine rejected the operation"],
  "overloaded": [429, "Too much is waiting already"],
  "too-many-requests": [429, "This is asked too often"],
  "too-many-clients": [429, "Too many clients are remembered already"],
  "reply-storage-full": [429, "Replies must be acknowledged first"],
  "internal-error": [500, "This is a defect of the replica"],
  "unavailable": [503, "The replica does not serve now"],
  "no-quorum": [504, "No quorum answered in time"],
  "too-early": [504, "The gateway is too far ahead of the others"],
  "expired": [504, "The request was ordered too late to be executed"],
} as const satisfies Record<RejectionReason | Refusal | string, readonly [number, string]>;

/** The kinds of problem. */
export type ProblemKind = keyof typeof PROBLEMS;

/** What is known beside the kind of problem. */
export interface ProblemDetails {
  /** For people: what was wrong with this request, and what to do. */
  readonly detail: string;
  /** The field that was wrong. */
  readonly field?: string;
  /** What it should have been. */
  readonly expected?: string;
  /** What it was. */
  readonly got?: string;
  /** Headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem object. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Seconds after which a client that was told 429 or 503 may ask again, if nothing else is said. */
const RETRY_AFTER_SECONDS = "1";

/**
 * Makes the answer to a request that failed.
 * @example
 * ```ts
 * import { problem } from "@pbft/edge/hono";
 * const response = problem("not-found", { detail: "no route /nowhere" });
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

/** The answer to a frame, or a request, that did not pass the gate. */
export function problemOf(rejection: Rejection, more?: Readonly<Record<string, unknown>>): Response {
  return problem(rejection.reason, { detail: rejection.detail, more: { kind: rejection.kind, ...more } });
}

/** Throw it inside a route: it is answered with {@linkcode problem}. */
export class Problem extends Error {
  override name = "Problem";
  constructor(readonly kind: ProblemKind, readonly details: ProblemDetails) {
    super(details.detail);
  }

  /** The answer. A new one at each call. */
  toResponse(): Response {
    return problem(this.kind, this.details);
  }
}

function shorten(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}… (${text.length} characters)`;
}
