/**
 * Middleware that decides which clients this host serves, and how many operations each may submit. The decision applies
 * only to requests submitted at this host. A request that is ordered is valid at every replica, also at those that
 * would not have admitted its client.
 * @module
 */
import { type AddressOf, connectionAddress, networkOf } from "./address.ts";
import { type Middleware, type MiddlewareContext, type Submitter, submitterOf } from "./context.ts";
import { Problem } from "../problem.ts";
import { rateLimit, type RateLimitOptions } from "./rate_limit.ts";

/**
 * Which clients are admitted: all (`open`); those with listed public keys, and then none at `/req`, where clients have
 * no keys; or those that a function accepts. If the function throws, the client is not admitted, and the answer is 500.
 */
export type Admission =
  | "open"
  | { readonly allowlist: readonly string[] }
  | ((submitter: Submitter) => boolean | Promise<boolean>);

/**
 * Middleware that answers 403 to clients that are not admitted. It must come after {@linkcode authenticate}.
 * @throws {TypeError} if an entry of the allowlist is not a public key.
 */
export function admit(admission: Exclude<Admission, "open">): Middleware {
  const admits = typeof admission === "function" ? admission : listed(admission);
  return async (context, next) => {
    const submitter = submitterOf(context);
    if (!await admits(submitter)) return notAdmitted(submitter).toResponse();
    await next();
  };
}

/** Options of {@linkcode clientLimit}. */
export interface ClientLimitOptions extends Omit<RateLimitOptions, "keyOf" | "costOf"> {
  /** Finds the address of a client at `/req`: by default that of the connection. */
  readonly address?: AddressOf;
}

/**
 * {@linkcode rateLimit} per client: operations and queries of one public key. It must come after
 * {@linkcode authenticate}, so that nobody can use up another client's limit. Nothing proves the names at `/req`; there
 * the limit is per address and name.
 */
export function clientLimit({ address = connectionAddress, ...options }: ClientLimitOptions): Middleware {
  const keyOf = (context: MiddlewareContext) => {
    const { client, name } = submitterOf(context);
    if (client !== null) return `key ${client}`;
    const from = address(context.req.raw, context.env);
    return `name ${from === undefined ? "" : networkOf(from)} ${name}`;
  };
  const costOf = (context: MiddlewareContext) => Math.max(1, submitterOf(context).operations);
  return rateLimit({ unit: "operations per second of one client", ...options, keyOf, costOf });
}

function notAdmitted({ client, name }: Submitter): Problem {
  const who = client === null ? `clientID ${JSON.stringify(name)}` : `the client with key ${client}`;
  return new Problem("not-admitted", {
    detail: `${who} is not admitted at this replica: ask its operator, or submit at another replica`,
  });
}

function listed({ allowlist }: { readonly allowlist: readonly string[] }): (submitter: Submitter) => boolean {
  const wrong = allowlist.findIndex((key) => !/^[0-9a-f]{64}$/.test(key));
  if (wrong >= 0) {
    throw new TypeError(`allowlist[${wrong}]: expected a public key, 64 lower-case hex digits, got something else`);
  }
  const keys = new Set<string>(allowlist);
  return ({ client }) => client !== null && keys.has(client);
}
