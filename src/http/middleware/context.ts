/**
 * Types and helpers that routes and middleware share. They work with any version of Hono.
 * @module
 */
import type { Caller } from "./callers.ts";
import { Problem } from "../problem.ts";
import type { ClientId } from "../../core/messages/ids.ts";
import type { GatewayOperation, SignedRequest, Verified } from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";

/**
 * Variables in `c.var` on the routes where clients submit something. In your own app: `new Hono<{ Variables:
 * ClientVariables }>()`.
 */
export interface ClientVariables {
  /** The submitter and its request. Set after the body was read and verified. */
  submitter: Submitter;
  /** The class of the caller. Set before the body is read. */
  caller: Caller;
}

/** The part of Hono's `Context` that the middleware uses. */
export interface MiddlewareContext {
  /** The original request and its headers. */
  readonly req: { readonly raw: Request; header(name: string): string | undefined };
  /** What the server passed beside the request. */
  readonly env: unknown;
  /** Variables set by earlier middleware. */
  readonly var: Readonly<Partial<ClientVariables>>;
}

/** The `Context` of middleware that authenticates the submitter. */
export interface SubmitterContext extends MiddlewareContext {
  /** Sets a variable for later middleware. */
  set(key: "submitter", submitter: Submitter): void;
}

/**
 * A Hono middleware of any version, so that the host's app accepts ours and our app accepts the host's. It is written
 * as a method type because TypeScript compares method parameters bivariantly.
 */
export type Middleware<C = MiddlewareContext> = {
  handle(context: C, next: () => Promise<void>): Promise<Response | void>;
}["handle"];

/** Wraps a middleware so that a {@linkcode Problem} it throws becomes the response, in any app. */
export function answeringProblems<C>(handle: Middleware<C>): Middleware<C> {
  return async (context, next) => {
    try {
      return await handle(context, next);
    } catch (error) {
      if (error instanceof Problem) return error.toResponse();
      throw error;
    }
  };
}

/**
 * Middleware that allows `max` concurrent requests; more get 429. One address may have at most as many as are left for
 * all others: half of `max` if it is the only one, so that later callers find free places.
 */
export function atMost(max: number): Middleware {
  const waiting = new Map<string | undefined, number>();
  let all = 0;
  return async ({ var: { caller } }, next) => {
    const network = caller?.network;
    const own = waiting.get(network) ?? 0;
    if (all >= max || (network !== undefined && own >= max - all)) {
      return new Problem("overloaded", {
        detail: `too many requests in progress: at most ${max} at once, and fewer for one address; retry after 1 s`,
      })
        .toResponse();
    }
    all++;
    waiting.set(network, own + 1);
    try {
      await next();
    } finally {
      all--;
      const left = waiting.get(network)! - 1;
      if (left > 0) waiting.set(network, left);
      else waiting.delete(network);
    }
  };
}

/** Returns the submitter. @throws {TypeError} if no earlier middleware has set it. */
export function submitterOf({ var: { submitter } }: MiddlewareContext): Submitter {
  if (submitter) return submitter;
  throw new TypeError("c.var.submitter: expected middleware such as authenticate() before this one, got none");
}
/** A client that submits something, and what it submits. */
export type Submitter =
  & {
    /** The HTTP request, for the host's own checks. Its body has been read. */
    readonly request: Request;
    /** Number of operations in the request. */
    readonly operations: number;
  }
  & (
    | {
      /** At `/requests`: signed operations, to be ordered. */
      readonly kind: "request";
      /** The public key that signed the request, 64 hex digits. */
      readonly client: ClientId;
      readonly name: null;
      /** The verified request, for `Node.submit`. */
      readonly asked: Verified<SignedRequest>;
    }
    | {
      /** At `/queries`: a signed query (a read-only operation). */
      readonly kind: "query";
      readonly client: ClientId;
      readonly name: null;
      /** The verified query, for `Node.query`. */
      readonly asked: Verified<SignedQuery>;
    }
    | {
      /** At `/req`: an unsigned operation. */
      readonly kind: "operation";
      readonly client: null;
      /** The `clientID`. It is not authenticated. */
      readonly name: string;
      /** The operation, for `Node.vouch`. */
      readonly asked: GatewayOperation;
    }
  );
