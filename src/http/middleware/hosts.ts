/**
 * By which names a replica may be called from its own machine and network. A page of any site can have its own name point to an address there
 * (DNS rebinding); the browser then lets it ask, and read, as if the replica were that site's. It calls by the site's name, though.
 * @module
 */
import { connectionAddress } from "./address.ts";
import { isLoopback, isPrivate, parseIpAddress } from "./ip_address.ts";
import type { Middleware } from "./context.ts";
import { Problem } from "../problem.ts";

/** What {@linkcode checkHost} needs. */
export interface HostOptions {
  /** Further names; `*`: all. */
  readonly hosts?: readonly string[] | undefined;
  /** Where the members are: their names are right. */
  readonly urls?: Readonly<Record<string, string>> | undefined;
}

/**
 * Middleware that answers 421 to calls from this machine or its network by a name that is none of ours. Addresses and `localhost` are
 * right, as no page can have them. Calls from elsewhere, or behind a server that does not say from where, are not looked at: there a name gives nothing away.
 */
export function checkHost({ hosts = [], urls = {} }: HostOptions): Middleware {
  const names = new Set([...hosts, ...Object.values(urls).map((url) => new URL(url).hostname)].map(plainName));
  return async ({ req, env }, next) => {
    const from = parseIpAddress(connectionAddress(req.raw, env) ?? "");
    if (from === undefined || names.has("*") || !(isLoopback(from) || isPrivate(from))) return await next();
    const host = req.header("host") ?? new URL(req.raw.url).host;
    const name = plainName(host.replace(/:\d*$/, ""));
    const isRight = parseIpAddress(name) !== undefined || name === "localhost" || name.endsWith(".localhost") ||
      names.has(name);
    if (isRight) return await next();
    return new Problem("wrong-host", {
      detail: "this replica is not called so; if it is, name it in the option hosts (PBFT_HOSTS, --hosts)",
      field: "host",
      expected: "a name from the cluster file or the option hosts, localhost, or an address",
      got: name,
    }).toResponse();
  };
}

function plainName(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}
