/**
 * The address that a replica listens on.
 * @module
 */

/** All addresses of the machine, IPv6 and IPv4. */
export const ANY_ADDRESS = "::";

/** All IPv4 addresses, for machines without IPv6. */
export const ANY_IPV4_ADDRESS = "0.0.0.0";

/** A host and a port. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * The configured address. By default it is the loopback address that the cluster file gives, so that nobody else can reach a cluster on one
 * machine. If the cluster file gives another host, it is every address of the machine, IPv6 and IPv4, because that host
 * may be a proxy or behind address translation.
 */
export function listenAddress(told: Partial<ListenAddress>, url: string): ListenAddress {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  return {
    hostname: told.hostname?.replace(/^\[|\]$/g, "") ?? (isLoopback(host) ? host : ANY_ADDRESS),
    port: told.port ?? Number(port || (protocol === "https:" ? 443 : 80)),
  };
}

/** Whether a host name or address is a loopback address. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^\[|\]$/g, "");
  return plain === "localhost" || plain.endsWith(".localhost") || plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain);
}

/** The URL of a server at this address, for use on the same machine. */
export function urlOf({ hostname, port }: ListenAddress): string {
  const isAny = hostname === ANY_ADDRESS || hostname === ANY_IPV4_ADDRESS;
  const host = isAny ? "localhost" : hostname.includes(":") ? `[${hostname}]` : hostname;
  return `http://${host}:${port}`;
}
