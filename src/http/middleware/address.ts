/**
 * Finds the IP address that a request came from.
 * @module
 */
import { type IpAddress, parseIpAddress } from "./ip_address.ts";

/**
 * Returns the address of a request; `undefined` if unknown. `connection` is what the server passes beside the request:
 * Deno's `ServeHandlerInfo`, or the bindings of `@hono/node-server`.
 */
export type AddressOf = (request: Request, connection: unknown) => string | undefined;

interface DenoInfo {
  readonly remoteAddr?: { readonly hostname?: string };
}

interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
}

/** The address of the connection itself, under Deno and Node.js. Behind a proxy it is the proxy's address. */
export function connectionAddress(_: Request, connection: unknown): string | undefined {
  const { remoteAddr, incoming } = (connection ?? {}) as DenoInfo & NodeBindings;
  return remoteAddr?.hostname ?? incoming?.socket?.remoteAddress;
}

/**
 * Reads the address from a header that the proxies in front of this host write: `x-forwarded-for`, `forwarded` (RFC
 * 7239), or a header of one vendor, such as `cf-connecting-ip`. Each proxy appends the address that called it, with or
 * without a port. Everything before that was written by the caller and may be false. So the address that counts is the
 * `proxies`-th from the end; `proxies` is the number of your own proxies. If there is no address at that place, the
 * caller did not come through all of the proxies, and the address of the connection is used.
 * @example
 * ```ts
 * import { addressFromHeader } from "@pbft/edge/hono";
 * const address = addressFromHeader("x-forwarded-for");
 * const headers = { "x-forwarded-for": "10.9.9.9, 203.0.113.7:4711" };
 * console.log(address(new Request("https://a.example", { headers }), null)); // 203.0.113.7
 * ```
 * @throws {RangeError} if `proxies` is not an integer of 1 or more.
 */
export function addressFromHeader(name: string, proxies = 1): AddressOf {
  if (!Number.isInteger(proxies) || proxies < 1) throw new RangeError(`proxies: expected 1 or more, got ${proxies}`);
  const hopsIn = name.toLowerCase() === "forwarded" ? forwardedHops : (value: string) => value.split(",");
  return (request, connection) => {
    const value = request.headers.get(name) ?? "";
    const hop = value.length > MAX_HEADER_CHARACTERS ? undefined : hopsIn(value).at(-proxies);
    const address = hop === undefined ? undefined : parseIpAddress(hop);
    return address === undefined ? connectionAddress(request, connection) : textOf(address);
  };
}

/**
 * The network that limits count as one caller: an IPv4 address, or the /64 network of an IPv6 address, since the owner
 * of one IPv6 address usually has its whole /64.
 */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined) return address.trim().toLowerCase().slice(0, MAX_ADDRESS_CHARACTERS);
  return typeof parsed === "string" ? parsed : `${hex(parsed.slice(0, 4))}::/64`;
}

/** Maximum length of an address header; a longer one is ignored. */
const MAX_HEADER_CHARACTERS = 4_096;
/** Characters of a text that is not an IP address by which it is counted. */
const MAX_ADDRESS_CHARACTERS = 64;

/** The addresses in a `forwarded` header (RFC 7239): elements separated by commas, pairs separated by semicolons. */
function forwardedHops(value: string): readonly string[] {
  return partsOf(value, ",").map((element) => {
    const pairs = partsOf(element, ";").map((pair) => pair.split("=", 2));
    return pairs.find(([name]) => name!.trim().toLowerCase() === "for")?.[1]?.trim() ?? "";
  });
}

/**
 * The parts of a text between separators that are not in quotes, without empty ones. It is read from its end, which
 * proxies of this host wrote: a quote that a caller leaves open before that hides nothing. The time is in proportion to
 * the length.
 */
function partsOf(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let end = text.length;
  let isQuoted = false;
  for (let at = end - 1; at >= -1; at--) {
    if (at >= 0 && text[at] === '"' && !isEscaped(text, at)) isQuoted = !isQuoted;
    if (at >= 0 && (text[at] !== separator || isQuoted)) continue;
    if (at + 1 < end) parts.push(text.slice(at + 1, end));
    end = at;
  }
  return parts.reverse();
}

/** Whether a character has an odd number of backslashes before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text[before - 1] === "\\") before--;
  return (at - before) % 2 === 1;
}

function textOf(address: IpAddress): string {
  return typeof address === "string" ? address : hex(address);
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}
