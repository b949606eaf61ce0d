/**
 * From which address a request came.
 * @module
 */

/**
 * Tells a request's address; `undefined`: not known. `connection` is what the host's server gives beside the request: Deno's
 * `ServeHandlerInfo`, `@hono/node-server`'s bindings.
 */
export type AddressOf = (request: Request, connection: unknown) => string | undefined;

interface DenoInfo {
  readonly remoteAddr?: { readonly hostname?: string };
}

interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
}

/** The address of the connection itself, under Deno and Node. Behind a proxy that is the proxy's. */
export function connectionAddress(_: Request, connection: unknown): string | undefined {
  const { remoteAddr, incoming } = (connection ?? {}) as DenoInfo & NodeBindings;
  return remoteAddr?.hostname ?? incoming?.socket?.remoteAddress;
}

/**
 * The address that the proxies in front of this host wrote into a header. Each proxy appends the address that it was called from, and
 * what stands before is whatever the caller wrote there: so the one that counts is the `proxies`-th from the end. Only for a host that nobody
 * reaches but through them.
 * @example
 * ```ts
 * import { addressFromHeader } from "@pbft/edge/hono";
 * const address = addressFromHeader("x-forwarded-for");
 * const headers = { "x-forwarded-for": "10.9.9.9, 203.0.113.7" };
 * console.log(address(new Request("https://a.example", { headers }), null)); // 203.0.113.7
 * ```
 * @throws {RangeError} if `proxies` is not a natural number above 0.
 */
export function addressFromHeader(name: string, proxies = 1): AddressOf {
  if (!Number.isInteger(proxies) || proxies < 1) throw new RangeError(`proxies: expected 1 or more, got ${proxies}`);
  return ({ headers }) => headers.get(name)?.split(",").at(-proxies)?.trim() || undefined;
}

/** Who counts as one: an IPv4 address; of an IPv6 address the network of 64 bits, since each of its owner's devices has all of it. */
export function networkOf(address: string): string {
  const plain = address.trim().toLowerCase().replace(/^\[|\]$|%.*$/g, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  if (mapped) return mapped[1]!;
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::", 2);
  const groups = head === "" ? [] : head.split(":");
  const last = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - groups.length - last.length)).fill("0");
  const whole = [...groups, ...zeros, ...last].slice(0, 4);
  return `${whole.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
