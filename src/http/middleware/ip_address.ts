/**
 * Parser of IP addresses, in the forms that proxies and runtimes write.
 * @module
 */

/** An IPv4 address as text (`1.2.3.4`), or an IPv6 address as eight 16-bit numbers. */
export type IpAddress = string | readonly number[];

/**
 * Parses an address, with or without port, brackets, quotes and zone. An IPv4 address written as IPv6
 * (`::ffff:1.2.3.4`, or `64:ff9b::1.2.3.4` behind NAT64) becomes the IPv4 address. `undefined` if the text is not an
 * address.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.length > MAX_CACHED_CHARACTERS) return parse(text);
  if (parsed.has(text)) return parsed.get(text);
  if (parsed.size >= MAX_CACHED) parsed.clear();
  const address = parse(text);
  parsed.set(text, address);
  return address;
}

/**
 * The last texts that were parsed. Each request needs the address of its caller and of its host, and few callers send
 * most requests.
 */
const parsed = new Map<string, IpAddress | undefined>();
const MAX_CACHED = 1_024;
const MAX_CACHED_CHARACTERS = 64;

function parse(text: string): IpAddress | undefined {
  const bare = text.trim().replace(/^"(.*)"$/, "$1");
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(bare) ?? [];
  if (bracketed !== undefined) return parseIpv6(bracketed);
  const [, v4] = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?$/.exec(bare) ?? [];
  return v4 === undefined ? parseIpv6(bare) : parseIpv4(v4);
}

/** Whether a text is an IP address. */
export function isIpAddress(text: string): boolean {
  return parseIpAddress(text) !== undefined;
}

/** Whether it is a loopback address. */
export function isLoopback(address: IpAddress): boolean {
  return typeof address === "string"
    ? address.startsWith("127.")
    : address.every((group, i) => group === (i === 7 ? 1 : 0));
}

/** Whether it is a private address: RFC 1918, link-local, or unique local (RFC 4193). */
export function isPrivate(address: IpAddress): boolean {
  if (typeof address === "string") return /^(?:10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(address);
  return (address[0]! & 0xfe00) === 0xfc00 || (address[0]! & 0xffc0) === 0xfe80;
}

function parseIpv4(text: string): string | undefined {
  const parts = text.split(".").map(Number);
  return parts.length === 4 && parts.every((part) => part <= 255) ? parts.join(".") : undefined;
}

function parseIpv6(text: string): IpAddress | undefined {
  let plain = text.replace(/%[^%]*$/, "").toLowerCase();
  const [, v4] = /:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(plain) ?? [];
  if (v4 !== undefined) {
    const parsed = parseIpv4(v4);
    if (parsed === undefined) return undefined;
    const [a, b, c, d] = parsed.split(".").map(Number) as [number, number, number, number];
    plain = plain.slice(0, -v4.length) + `${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  }
  const halves = plain.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => half === "" ? [] : half.split(":"));
  const given = [...head!, ...tail ?? []];
  const zeros = 8 - given.length;
  if (!given.every((group) => /^[0-9a-f]{1,4}$/.test(group)) || (tail ? zeros < 1 : zeros !== 0)) return undefined;
  const groups = [...head!, ...Array<string>(tail ? zeros : 0).fill("0"), ...tail ?? []].map((group) =>
    parseInt(group, 16)
  );
  return embeddedIpv4(groups) ?? groups;
}

function embeddedIpv4(groups: readonly number[]): string | undefined {
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  const isNat64 = groups[0] === 0x64 && groups[1] === 0xff9b && groups.slice(2, 6).every((group) => group === 0);
  if (!isMapped && !isNat64) return undefined;
  const [high, low] = groups.slice(6) as [number, number];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}
