/**
 * Limits how often somebody may ask, an address or whatever else a host can tell, as Hono middleware.
 * @module
 */
import type { Timer } from "../../node/ports.ts";
import { type AddressOf, networkOf } from "./address.ts";
import type { Middleware, MiddlewareContext } from "./context.ts";
import { Problem } from "../problem.ts";
import { type RateLimit, TokenBuckets } from "./token_buckets.ts";

export type { RateLimit };

/** What {@linkcode rateLimit} needs. */
export interface RateLimitOptions {
  /** How much each may do. */
  readonly limit: RateLimit;
  /** Who asks; all of whom it is not known count as one. */
  readonly keyOf: (context: MiddlewareContext) => string | undefined;
  /** How much a request counts for: 1. */
  readonly costOf?: (context: MiddlewareContext) => number;
  /** The clock. */
  readonly timer: Pick<Timer, "monotonic">;
  /** Keys that are remembered at a time: 10,000. */
  readonly maxKeys?: number;
}

/** Keys that are remembered if nothing else is said. Some 2 MB. */
const MAX_KEYS = 10_000;

/**
 * Middleware that answers 429 with `Retry-After` to who asks more often than it may.
 * @example
 * ```ts ignore
 * const app = new Hono();
 * app.use(rateLimit({ limit: { perSecond: 10 }, keyOf: (c) => c.req.header("x-api-key"), timer }));
 * app.mount("/apple", replica.fetch);
 * ```
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  const { limit, keyOf, costOf = () => 1, timer, maxKeys = MAX_KEYS } = options;
  const buckets = new TokenBuckets({ limit, maxKeys, now: () => timer.monotonic() });
  return async (context, next) => {
    const seconds = buckets.take(keyOf(context) ?? "", costOf(context));
    if (seconds > 0) return tooOften(seconds).toResponse();
    await next();
  };
}

/** {@linkcode rateLimit} per address, or per network of 64 bits if it is IPv6. */
export function addressLimit(addressOf: AddressOf, options: Omit<RateLimitOptions, "keyOf">): Middleware {
  const keyOf = ({ req, env }: MiddlewareContext) => {
    const address = addressOf(req.raw, env);
    return address === undefined ? undefined : networkOf(address);
  };
  return rateLimit({ ...options, keyOf });
}

function tooOften(seconds: number): Problem {
  const detail = `who asks here may not ask so often; try again in ${seconds} s`;
  return new Problem("too-many-requests", { detail, headers: { "retry-after": String(seconds) } });
}
