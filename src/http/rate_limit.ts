/**
 * Limits how often somebody may ask, an address or whatever else a host can tell, as Hono middleware.
 * @module
 */
import type { Timer } from "../node/ports.ts";
import { type AddressOf, networkOf } from "./address.ts";
import { Problem } from "./problem.ts";
import { type RateLimit, TokenBuckets } from "./token_buckets.ts";

export type { RateLimit };

/** What the middleware looks at of Hono's `Context`. */
export interface MiddlewareContext {
  /** The request, as it came, and its headers. */
  readonly req: { readonly raw: Request; header(name: string): string | undefined };
  /** What the host's server gave beside the request. */
  readonly env: unknown;
}

/** A Hono middleware, of whatever version. */
export type Middleware = (context: MiddlewareContext, next: () => Promise<void>) => Promise<Response | void>;

/** What {@linkcode rateLimit} needs. */
export interface RateLimitOptions {
  /** How much each may do. */
  readonly limit: RateLimit;
  /** Who asks; all of whom it is not known count as one. */
  readonly keyOf: (context: MiddlewareContext) => string | undefined;
  /** The clock. */
  readonly timer: Pick<Timer, "monotonic">;
  /** Keys that are remembered at a time: 10,000. */
  readonly maxKeys?: number;
}

/** Keys that are remembered if nothing else is said. Some 2 MB. */
export const MAX_KEYS = 10_000;

/**
 * Middleware that answers 429 with `Retry-After` to who asks more often than it may.
 * @example
 * ```ts ignore
 * const app = new Hono();
 * app.use(rateLimit({ limit: { perSecond: 10 }, keyOf: (c) => c.req.header("x-api-key"), timer }));
 * app.mount("/apple", replica.fetch);
 * ```
 */
export function rateLimit({ limit, keyOf, timer, maxKeys = MAX_KEYS }: RateLimitOptions): Middleware {
  const buckets = new TokenBuckets({ limit, maxKeys, now: () => timer.monotonic() });
  return async (context, next) => {
    const seconds = buckets.take(keyOf(context) ?? "");
    if (seconds > 0) return tooOften(seconds, "who asks here").toResponse();
    await next();
  };
}

/** {@linkcode rateLimit} per address. */
export function addressLimit(addressOf: AddressOf, options: Omit<RateLimitOptions, "keyOf">): Middleware {
  const keyOf = ({ req, env }: MiddlewareContext) => {
    const address = addressOf(req.raw, env);
    return address === undefined ? undefined : networkOf(address);
  };
  return rateLimit({ ...options, keyOf });
}

/** The answer to who asked too often. */
export function tooOften(seconds: number, who: string): Problem {
  const detail = `${who} may not ask so often; try again in ${seconds} s`;
  return new Problem("too-many-requests", { detail, headers: { "retry-after": String(seconds) } });
}
