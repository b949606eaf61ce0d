/**
 * Proxies that the environment names (`HTTP_PROXY` and its like), as `fetch` under Deno takes them: also for addresses of this machine, to
 * which no proxy has a way.
 * @module
 */
import { isLoopback } from "../server/listen_address.ts";

/** Reads a variable. */
export type Variable = (name: string) => string | undefined;

/** The hosts that need no proxy on any machine. */
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/** The variable by which requests to this URL go to a proxy; `undefined`: they go straight. */
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

/** Of these URLs those of this machine that would go to a proxy, as a warning for whoever runs the replica. */
export function proxyWarning(urls: Iterable<string>, get: Variable): string | undefined {
  for (const url of urls) {
    const variable = isLoopback(new URL(url).hostname) ? proxyVariableFor(url, get) : undefined;
    if (variable === undefined) continue;
    return `${variable} is set: requests to ${url}, on this machine, go to that proxy; add the host to NO_PROXY`;
  }
  return undefined;
}

/** What `NO_PROXY` must be so that no request to this machine goes to a proxy; `undefined`: it is, or there is no proxy. */
export function noProxyForLoopback(get: Variable): string | undefined {
  const missing = LOOPBACK.filter((host) => {
    const url = `http://${host.includes(":") ? `[${host}]` : host}`;
    return proxyVariableFor(url, get) !== undefined ||
      proxyVariableFor(url.replace("http", "https"), get) !== undefined;
  });
  if (missing.length === 0) return undefined;
  return [get("NO_PROXY") ?? get("no_proxy") ?? "", ...missing].filter((entry) => entry !== "").join();
}
