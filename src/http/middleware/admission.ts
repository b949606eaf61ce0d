/**
 * Which clients are served, and how much each may ask, as middleware. It is a matter of where a request is submitted, and of this host alone:
 * what is ordered is valid whatever anybody's host would have admitted.
 * @module
 */
import { type AddressOf, connectionAddress, networkOf } from "./address.ts";
import type { Submitter } from "./submitter.ts";
import { applicantOf, type Middleware, type MiddlewareContext } from "./context.ts";
import { Problem } from "../problem.ts";
import { rateLimit, type RateLimitOptions } from "./rate_limit.ts";

/**
 * Which clients are admitted: all (`open`); those with these public keys, and none at `/req`, where nobody proves anything; or whom a
 * function admits. A function that fails admits nobody: the answer is 500.
 */
export type Admission =
  | "open"
  | { readonly allowlist: readonly string[] }
  | ((submitter: Submitter) => boolean | Promise<boolean>);

/**
 * Middleware that answers 403 to whom a host does not serve. It stands after {@linkcode authenticate}.
 * @throws {TypeError} if the allowlist has what is not a public key.
 */
export function admit(admission: Exclude<Admission, "open">): Middleware {
  const admits = typeof admission === "function" ? admission : listed(admission);
  return async (context, next) => {
    const submitter = applicantOf(context);
    if (!await admits(submitter)) return notAdmitted(submitter).toResponse();
    await next();
  };
}

/** What {@linkcode clientLimit} needs. */
export interface ClientLimitOptions extends Omit<RateLimitOptions, "keyOf" | "costOf"> {
  /** Tells the address of who gives a name at `/req`: that of the connection. */
  readonly address?: AddressOf;
}

/**
 * {@linkcode rateLimit} per client: operations, and reads, of one public key. It stands after {@linkcode authenticate}, so that nobody uses up
 * what another may. The names at `/req` prove nothing: there each address has its own of a name.
 */
export function clientLimit({ address = connectionAddress, ...options }: ClientLimitOptions): Middleware {
  const keyOf = (context: MiddlewareContext) => {
    const { client, name } = applicantOf(context);
    if (client !== null) return `key ${client}`;
    const from = address(context.req.raw, context.env);
    return `name ${from === undefined ? "" : networkOf(from)} ${name}`;
  };
  return rateLimit({ ...options, keyOf, costOf: (context) => Math.max(1, applicantOf(context).operations) });
}

function notAdmitted({ client, name }: Submitter): Problem {
  const who = client === null ? `clientID ${JSON.stringify(name)}` : `the client with key ${client}`;
  return new Problem("not-admitted", { detail: `${who} is not admitted at this replica` });
}

function listed({ allowlist }: { readonly allowlist: readonly string[] }): (submitter: Submitter) => boolean {
  const wrong = allowlist.findIndex((key) => !/^[0-9a-f]{64}$/.test(key));
  if (wrong >= 0) {
    throw new TypeError(`allowlist[${wrong}]: expected a public key, 64 lower-case hex digits, got something else`);
  }
  const keys = new Set<string>(allowlist);
  return ({ client }) => client !== null && keys.has(client);
}
