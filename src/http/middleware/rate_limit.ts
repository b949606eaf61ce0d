/**
 * Hono middleware that limits the rate of requests per key: per address, or per any key that a host can derive from a
 * request.
 * @module
 */
import type { Timer } from "../../node/ports.ts";
import { type AddressOf, networkOf } from "./address.ts";
import type { Middleware, MiddlewareContext } from "./context.ts";
import { Problem } from "../problem.ts";
import { type RateLimit, TokenBuckets } from "./token_buckets.ts";

export type { RateLimit };

/** Options of {@linkcode rateLimit}. */
export interface RateLimitOptions {
  /** The limit of each key. */
  readonly limit: RateLimit;
  /** The key of a request; all requests with `undefined` share one key. */
  readonly keyOf: (context: MiddlewareContext) => string | undefined;
  /** How many units a request counts for. Default: 1. */
  readonly costOf?: (context: MiddlewareContext) => number;
  /** What the limit counts, for the error message. Default: `requests per second from one sender`. */
  readonly unit?: string;
  /** The clock. */
  readonly timer: Pick<Timer, "monotonic">;
  /** Maximum number of remembered keys. Default: 10,000. */
  readonly maxKeys?: number;
}

/** Default maximum number of remembered keys; about 2 MB. */
const MAX_KEYS = 10_000;

/**
 * Middleware that answers 429 with `Retry-After` to requests above the limit.
 * @example
 * ```ts ignore
 * const app = new Hono();
 * app.use(rateLimit({ limit: { perSecond: 10 }, keyOf: (c) => c.req.header("x-api-key"), timer }));
 * app.mount("/apple", replica.fetch);
 * ```
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  const { limit, keyOf, costOf = () => 1, unit = "requests per second from one sender", timer } = options;
  const { maxKeys = MAX_KEYS } = options;
  const buckets = new TokenBuckets({ limit, maxKeys, now: () => timer.monotonic() });
  return async (context, next) => {
    const seconds = buckets.take(keyOf(context) ?? "", costOf(context));
    if (seconds > 0) return limitExceeded(limit, unit, seconds).toResponse();
    await next();
  };
}

/** {@linkcode rateLimit} per address, or per /64 network for IPv6. */
export function addressLimit(addressOf: AddressOf, options: Omit<RateLimitOptions, "keyOf">): Middleware {
  const keyOf = ({ req, env }: MiddlewareContext) => {
    const address = addressOf(req.raw, env);
    return address === undefined ? undefined : networkOf(address);
  };
  return rateLimit({ unit: "requests per second from one address", ...options, keyOf });
}

function limitExceeded({ perSecond }: RateLimit, unit: string, seconds: number): Problem {
  const detail = `rate limit exceeded: at most ${perSecond} ${unit}; retry after ${seconds} s`;
  return new Problem("too-many-requests", { detail, headers: { "retry-after": String(seconds) } });
}
