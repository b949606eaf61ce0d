/**
 * Proxies from environment variables such as `HTTP_PROXY`. Deno's `fetch` uses them for addresses of this machine too, which no proxy can
 * reach.
 * @module
 */
import { isLoopback } from "../server/listen_address.ts";

/** Reads an environment variable. */
export type Variable = (name: string) => string | undefined;

/** The hosts that never need a proxy. */
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/** The variable whose proxy gets requests to this URL; `undefined` if they need no proxy. */
export function proxyVariableFor(url: string, get: Variable): string | undefined {
  const { hostname, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const exempt = (get("NO_PROXY") ?? get("no_proxy") ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  const isExempt = exempt.some((entry) =>
    entry === "*" || (entry !== "" && (host === entry || host.endsWith(`.${entry.replace(/^\./, "")}`)))
  );
  if (isExempt) return undefined;
  const names = protocol === "https:" ? ["HTTPS_PROXY", "ALL_PROXY"] : ["HTTP_PROXY", "ALL_PROXY"];
  return names.flatMap((name) => [name, name.toLowerCase()]).find((name) => (get(name) ?? "") !== "");
}

/** A warning for the operator if requests to one of these URLs on this machine would go to a proxy. */
export function proxyWarning(urls: Iterable<string>, get: Variable): string | undefined {
  for (const url of urls) {
    const variable = isLoopback(new URL(url).hostname) ? proxyVariableFor(url, get) : undefined;
    if (variable === undefined) continue;
    return `${variable} is set: requests to ${url}, on this machine, go to that proxy; add the host to NO_PROXY`;
  }
  return undefined;
}

/** The value of `NO_PROXY` with which no request to this machine goes to a proxy; `undefined` if it need not change. */
export function noProxyForLoopback(get: Variable): string | undefined {
  const missing = LOOPBACK.filter((host) => {
    const url = `http://${host.includes(":") ? `[${host}]` : host}`;
    return proxyVariableFor(url, get) !== undefined ||
      proxyVariableFor(url.replace("http", "https"), get) !== undefined;
  });
  if (missing.length === 0) return undefined;
  return [get("NO_PROXY") ?? get("no_proxy") ?? "", ...missing].filter((entry) => entry !== "").join();
}
