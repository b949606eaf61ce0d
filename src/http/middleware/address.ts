/**
 * From which address a request came.
 * @module
 */
import { type IpAddress, parseIpAddress } from "./ip_address.ts";

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
 * The address that the proxies in front of this host wrote into a header: `x-forwarded-for`, `forwarded` (RFC 7239), or one of a kind, such as
 * `cf-connecting-ip`. Each proxy appends the address that it was called from, with its port or without, and what stands before is whatever the caller wrote
 * there: so the one that counts is the `proxies`-th from the end, where `proxies` says how many of them are yours. Where there is no address at that place,
 * it is the connection's: then nobody came through all of them.
 * @example
 * ```ts
 * import { addressFromHeader } from "@pbft/edge/hono";
 * const address = addressFromHeader("x-forwarded-for");
 * const headers = { "x-forwarded-for": "10.9.9.9, 203.0.113.7:4711" };
 * console.log(address(new Request("https://a.example", { headers }), null)); // 203.0.113.7
 * ```
 * @throws {RangeError} if `proxies` is not a natural number above 0.
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

/** Who counts as one: an IPv4 address; of an IPv6 address the network of 64 bits, since each of its owner's devices has all of it. */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined) return address.trim().toLowerCase().slice(0, MAX_ADDRESS_CHARACTERS);
  return typeof parsed === "string" ? parsed : `${hex(parsed.slice(0, 4))}::/64`;
}

/** The longest header that is looked at. */
const MAX_HEADER_CHARACTERS = 4_096;
/** What is no address counts by so much of it. */
const MAX_ADDRESS_CHARACTERS = 64;

/** RFC 7239: elements with commas between them, each of pairs with semicolons between them; commas and semicolons may stand in quotes. */
function forwardedHops(value: string): readonly string[] {
  const elements = value.match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g) ?? [];
  return elements.map((element) => {
    const pairs = element.match(/(?:[^;"]|"(?:\\.|[^"\\])*")+/g) ?? [];
    return pairs.map((pair) => /^\s*for\s*=\s*(.*?)\s*$/is.exec(pair)?.[1]).find((node) => node !== undefined) ?? "";
  });
}

function textOf(address: IpAddress): string {
  return typeof address === "string" ? address : hex(address);
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}
