/**
 * Protection against DNS rebinding: checks the `Host` header of requests from the replica's own machine and private
 * network. A web page of any site can make its own host name resolve to an address there. The browser then sends
 * requests to the replica, and lets the page read the answers, as if the replica belonged to that site. But such
 * requests carry the site's host name.
 * @module
 */
import { connectionAddress } from "./address.ts";
import { isLoopback, isPrivate, parseIpAddress } from "./ip_address.ts";
import type { Middleware } from "./context.ts";
import { Problem } from "../problem.ts";

/** Options of {@linkcode checkHost}. */
export interface HostOptions {
  /** Further allowed names; `*`: all. */
  readonly hosts?: readonly string[] | undefined;
  /** URLs of the members; their host names are allowed. */
  readonly urls?: Readonly<Record<string, string>> | undefined;
}

/**
 * Middleware that answers 421 to requests from this machine or its private network with an unknown host name. IP
 * addresses and `localhost` are always allowed, as no web page can own them. Requests from elsewhere, or with an
 * unknown source address, are not checked: they get no more by a wrong name than by the right one.
 */
export function checkHost({ hosts = [], urls = {} }: HostOptions): Middleware {
  const names = new Set([...hosts, ...Object.values(urls).map((url) => new URL(url).hostname)].map(plainName));
  const isRight = (name: string) =>
    parseIpAddress(name) !== undefined || name === "localhost" || name.endsWith(".localhost") || names.has(name);
  return async ({ req, env }, next) => {
    const from = parseIpAddress(connectionAddress(req.raw, env) ?? "");
    if (from === undefined || names.has("*") || !(isLoopback(from) || isPrivate(from))) return await next();
    // A target with a host of its own, as proxies get it, counts before the header (RFC 9112, 3.2.2). Elsewhere both are the same.
    const asked = [req.header("host"), new URL(req.raw.url).host].filter((host) => host !== undefined);
    const wrong = asked.map((host) => plainName(host.replace(/:\d*$/, ""))).find((name) => !isRight(name));
    if (wrong === undefined) return await next();
    return new Problem("wrong-host", {
      detail:
        "host: expected a known name of this replica; if this name is right, add it to the option hosts (PBFT_HOSTS, --hosts)",
      field: "host",
      expected: "a name from the cluster file or the option hosts, localhost, or an IP address",
      got: wrong,
    }).toResponse();
  };
}

function plainName(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}
