/**
 * What the routes and their middleware have in common, in terms that any version of Hono understands.
 * @module
 */
import type { Submitter } from "./submitter.ts";
import type { Caller } from "./callers.ts";
import { Problem } from "../problem.ts";

/** What stands in `c.var` on the routes where clients submit something. In an app of one's own: `new Hono<{ Variables: ClientVariables }>()`. */
export interface ClientVariables {
  /** Who submits, and what: set once that was read and verified. */
  submitter: Submitter;
  /** Who calls, as far as that is known before the body is read. */
  caller: Caller;
}

/** What the middleware looks at of Hono's `Context`. */
export interface MiddlewareContext {
  /** The request, as it came, and its headers. */
  readonly req: { readonly raw: Request; header(name: string): string | undefined };
  /** What the host's server gave beside the request. */
  readonly env: unknown;
  /** What middleware before this one has found out. */
  readonly var: Readonly<Partial<ClientVariables>>;
}

/** The `Context` of middleware that finds out who asks. */
export interface ApplicantContext extends MiddlewareContext {
  /** Tells what comes after. */
  set(key: "submitter", submitter: Submitter): void;
}

/**
 * A Hono middleware, of whatever version: ours is taken by an app of the host's own, and the host's own by ours. A method's type, as the
 * parameter of only that is compared in both directions.
 */
export type Middleware<C = MiddlewareContext> = {
  handle(context: C, next: () => Promise<void>): Promise<Response | void>;
}["handle"];

/** Answers with the problem that the middleware throws, in whatever app it stands. */
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
 * Lets so many requests through at once; more get 429. One address gets no more than what is left for all others: half if it is alone, and
 * whoever comes after it finds room.
 */
export function atMost(max: number): Middleware {
  const waiting = new Map<string | undefined, number>();
  let all = 0;
  return async ({ var: { caller } }, next) => {
    const network = caller?.network;
    const own = waiting.get(network) ?? 0;
    if (all >= max || (network !== undefined && own >= max - all)) {
      return new Problem("overloaded", { detail: "too many requests wait at this replica; try again shortly" })
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

/** Who asks. @throws {TypeError} if nobody has found that out. */
export function applicantOf({ var: { submitter } }: MiddlewareContext): Submitter {
  if (submitter) return submitter;
  throw new TypeError("c.var.submitter: expected middleware such as authenticate() before this one, got none");
}
