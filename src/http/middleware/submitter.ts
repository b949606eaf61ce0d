/**
 * Middleware that authenticates the submitter of a request: it reads the body, checks the signature, and sets
 * `c.var.submitter`. Middleware that limits a client (admission, rate limits, the host's own) must come after it, so
 * that nobody can act in another client's name.
 * @module
 */
import type { SignedRequest, Verified } from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";
import type { Timer } from "../../node/ports.ts";
import { BodyReader } from "../bodies/body.ts";
import { Deadlines } from "../bodies/deadlines.ts";
import type { HostedNode } from "../hosted_node.ts";
import { answeringProblems, type Middleware, type Submitter, type SubmitterContext } from "./context.ts";
import { parseReq } from "../routes/parse_req.ts";
import { Problem, problemOf } from "../problem.ts";

/** Options of {@linkcode authenticate}. */
export interface AuthenticateOptions {
  /** The clock for the timeout. */
  readonly timer: Timer;
  /** What clients send to the route. Default: `request`. */
  readonly kind?: "request" | "query";
  /** How long a body may take to arrive, ms. Default: 10,000. */
  readonly bodyTimeoutMs?: number;
  /**
   * Bytes of request bodies in memory at once, for known clients, and the same again for strangers; more get 429.
   * Default: 16 MiB.
   */
  readonly maxHeldBytes?: number;
}

/** Media type of frames and bundles. */
export const CBOR = "application/cbor";
/** Default time that a body may take to arrive, ms. */
export const BODY_TIMEOUT_MS = 10_000;
/** Default bytes of request bodies in memory at once, for known clients, and the same again for strangers. */
export const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** Maximum overhead of a frame around a request, bytes. */
const FRAME_OVERHEAD_BYTES = 4 * 1024;
/** Maximum overhead of the ordered request around an operation, and of the JSON around it, bytes. */
const OPERATION_OVERHEAD_BYTES = 2 * 1024;

/**
 * Middleware that reads a signed client's frame, checks its signature and sets `c.var.submitter`; or answers with a
 * problem. {@linkcode createApp} includes it; use it for your own routes.
 * @example
 * ```ts ignore
 * const app = new Hono<{ Variables: ClientVariables }>();
 * app.post("/orders", authenticate(node, { timer }), clientLimit({ limit: { perSecond: 5 }, timer }), async (c) => {
 *   const { submitter } = c.var;
 *   if (submitter.kind !== "request") return c.notFound();
 *   const reply = await node.submit(submitter.asked);
 *   return reply instanceof Uint8Array ? c.body(reply) : c.json(reply, 503);
 * });
 * ```
 */
export function authenticate(node: HostedNode, options: AuthenticateOptions): Middleware<SubmitterContext> {
  const { timer, kind = "request", bodyTimeoutMs = BODY_TIMEOUT_MS, maxHeldBytes = MAX_HELD_BYTES } = options;
  return readSigned(node, kind, new BodyReader({ deadlines: new Deadlines(timer, bodyTimeoutMs), maxHeldBytes }));
}

/**
 * {@linkcode authenticate} with a shared body reader. Each frame is verified once: later handlers get the verified
 * message.
 */
export function readSigned(
  node: HostedNode,
  kind: "request" | "query",
  bodies: BodyReader,
): Middleware<SubmitterContext> {
  const limits = { type: CBOR, maxBytes: node.genesis.limits.maxRequestBytes + FRAME_OVERHEAD_BYTES };
  return answeringProblems((context, next) => {
    const request = context.req.raw;
    return bodies.read(request, limits, async (body) => {
      const asked = kind === "request" ? await node.verifyRequest(body) : await node.verifyQuery(body);
      if ("reason" in asked) return problemOf(asked);
      context.set("submitter", submitterFor(asked, request));
      await next();
    }, context.var.caller);
  });
}

/**
 * Middleware that reads goPBFT's request and sets `c.var.submitter`. `nextTimestamp` makes the timestamp if the request
 * has none.
 */
export function readOperation(
  node: HostedNode,
  nextTimestamp: (name: string) => number,
  bodies: BodyReader,
): Middleware<SubmitterContext> {
  const limit = node.genesis.limits.maxRequestBytes - OPERATION_OVERHEAD_BYTES;
  const limits = { type: "application/json", maxBytes: limit + 2 * OPERATION_OVERHEAD_BYTES };
  return answeringProblems(async (context, next) => {
    const request = context.req.raw;
    const asked = await bodies.read(
      request,
      limits,
      (body) => Promise.resolve(parseReq(body, nextTimestamp)),
      context.var.caller,
    );
    if (asked.operation.length > limit) {
      const expected = `at most ${limit} bytes`;
      const got = `${asked.operation.length} bytes`;
      throw new Problem("too-large", {
        detail: `operation: expected ${expected}, got ${got}; split it, or store the data elsewhere`,
        field: "operation",
        expected,
        got,
      });
    }
    context.set("submitter", { kind: "operation", client: null, name: asked.name, operations: 1, asked, request });
    await next();
  });
}

function submitterFor(asked: Verified<SignedRequest> | Verified<SignedQuery>, request: Request): Submitter {
  if (isQuery(asked)) {
    const { client, operations } = asked.message;
    return { kind: "query", client, name: null, operations: operations.length, asked, request };
  }
  const { message } = asked;
  if (message.kind !== "request") throw new TypeError(`expected a client's request, got a ${message.kind}`);
  return { kind: "request", client: message.client, name: null, operations: message.operations.length, asked, request };
}

function isQuery(asked: Verified<SignedRequest> | Verified<SignedQuery>): asked is Verified<SignedQuery> {
  return asked.message.kind === "query";
}
