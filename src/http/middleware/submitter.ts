/**
 * Who submits something: the middleware that reads what came, checks its signature, and says so in `c.var.submitter`. Everything that a
 * host may want to hold against a client stands after it, so that nobody acts in another's name: whether it is admitted, its limits, and the host's own.
 * @module
 */
import type { ClientId } from "../../core/messages/ids.ts";
import type { SignedRequest, Verified, VouchedOperation } from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";
import type { Timer } from "../../node/ports.ts";
import { BodyReader } from "../bodies/body.ts";
import { Deadlines } from "../bodies/deadlines.ts";
import type { HostedNode } from "../hosted_node.ts";
import { answeringProblems, type ApplicantContext, type Middleware } from "./context.ts";
import { parseReq } from "../routes/parse_req.ts";
import { Problem, problemOf } from "../problem.ts";

/** Who wants to submit something, and what. */
export type Submitter =
  & {
    /** The HTTP request, for what a host may want to know of it. Its body has been read. */
    readonly request: Request;
    /** How many operations it has. */
    readonly operations: number;
  }
  & (
    | {
      /** At `/requests`: signed operations, to be ordered. */
      readonly kind: "request";
      /** The public key that has signed it, 64 hex digits. */
      readonly client: ClientId;
      readonly name: null;
      /** What was signed, for `Node.submit`. */
      readonly asked: Verified<SignedRequest>;
    }
    | {
      /** At `/queries`: a signed read. */
      readonly kind: "query";
      readonly client: ClientId;
      readonly name: null;
      /** What was signed, for `Node.query`. */
      readonly asked: Verified<SignedQuery>;
    }
    | {
      /** At `/req`: an operation that nobody has signed. */
      readonly kind: "operation";
      readonly client: null;
      /** The `clientID`, which nothing proves. */
      readonly name: string;
      /** What `Node.vouch` is to be given. */
      readonly asked: VouchedOperation;
    }
  );

/** What {@linkcode authenticate} needs. */
export interface AuthenticateOptions {
  /** For the timeout. */
  readonly timer: Timer;
  /** What clients send here: requests, or queries. Requests. */
  readonly kind?: "request" | "query";
  /** A body must arrive within this time, ms: 10,000. */
  readonly bodyTimeoutMs?: number;
  /** Bytes of request bodies in memory at once, of known clients, and as many of strangers; more get 429: 16 MiB. */
  readonly maxHeldBytes?: number;
}

/** Media type of frames and bundles. */
export const CBOR = "application/cbor";
/** A body must arrive within this time if nothing else is said, ms. */
export const BODY_TIMEOUT_MS = 10_000;
/** Bytes of request bodies in memory at once, of known clients, and as many of strangers, if nothing else is said. */
export const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** Room for what surrounds a request in its frame. */
const FRAME_OVERHEAD_BYTES = 4 * 1024;
/** Room for what surrounds an operation in the request that is ordered, and in the JSON that asks for it. */
const OPERATION_OVERHEAD_BYTES = 2 * 1024;

/**
 * Middleware that reads a signed client's frame, checks its signature, and sets `c.var.submitter`; or answers what is wrong with it. It stands
 * in {@linkcode createApp} already; here it is for a route of the host's own.
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
export function authenticate(node: HostedNode, options: AuthenticateOptions): Middleware<ApplicantContext> {
  const { timer, kind = "request", bodyTimeoutMs = BODY_TIMEOUT_MS, maxHeldBytes = MAX_HELD_BYTES } = options;
  return readSigned(node, kind, new BodyReader({ deadlines: new Deadlines(timer, bodyTimeoutMs), maxHeldBytes }));
}

/** {@linkcode authenticate}, with the bodies counted together with others. Verifies each once: what comes after has what was verified. */
export function readSigned(
  node: HostedNode,
  kind: "request" | "query",
  bodies: BodyReader,
): Middleware<ApplicantContext> {
  const limits = { type: CBOR, maxBytes: node.genesis.limits.maxRequestBytes + FRAME_OVERHEAD_BYTES };
  return answeringProblems((context, next) => {
    const request = context.req.raw;
    return bodies.read(request, limits, async (body) => {
      const asked = kind === "request" ? await node.verifyRequest(body) : await node.verifyQuery(body);
      if ("reason" in asked) return problemOf(asked);
      context.set("submitter", applicantFor(asked, request));
      await next();
    }, context.var.caller);
  });
}

/** Middleware that reads goPBFT's request, and sets `c.var.submitter`. `nextTimestamp` makes the timestamp if there is none. */
export function readOperation(
  node: HostedNode,
  nextTimestamp: (name: string) => number,
  bodies: BodyReader,
): Middleware<ApplicantContext> {
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
      throw new Problem("too-large", { detail: `an operation has ${expected}`, field: "operation", expected, got });
    }
    context.set("submitter", { kind: "operation", client: null, name: asked.name, operations: 1, asked, request });
    await next();
  });
}

function applicantFor(asked: Verified<SignedRequest> | Verified<SignedQuery>, request: Request): Submitter {
  if (isQuery(asked)) {
    return { kind: "query", client: asked.message.client, name: null, operations: 1, asked, request };
  }
  const { message } = asked;
  if (message.kind !== "request") throw new TypeError(`expected a client's request, got a ${message.kind}`);
  return { kind: "request", client: message.client, name: null, operations: message.operations.length, asked, request };
}

function isQuery(asked: Verified<SignedRequest> | Verified<SignedQuery>): asked is Verified<SignedQuery> {
  return asked.message.kind === "query";
}
