/**
 * Where a replica listens.
 * @module
 */

/** All addresses of the machine, of IPv6 and IPv4. */
export const ANY_ADDRESS = "::";

/** All of IPv4, for machines without IPv6. */
export const ANY_IPV4_ADDRESS = "0.0.0.0";

/** A host and a port. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Where it was told to listen. If it was not: on the loopback address that the cluster file gives for it, so that a cluster for
 * trying things out is nobody else's to reach; otherwise on every address of the machine, IPv6 and IPv4, as the name or address in the
 * cluster file may be that of a proxy, or be translated.
 */
export function listenAddress(told: Partial<ListenAddress>, url: string): ListenAddress {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  return {
    hostname: told.hostname?.replace(/^\[|\]$/g, "") ?? (isLoopback(host) ? host : ANY_ADDRESS),
    port: told.port ?? Number(port || (protocol === "https:" ? 443 : 80)),
  };
}

/** Whether a host name or address is this machine's own, reached from nowhere else. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^\[|\]$/g, "");
  return plain === "localhost" || plain.endsWith(".localhost") || plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain);
}

/** The URL of a server that listens there, from this machine. */
export function urlOf({ hostname, port }: ListenAddress): string {
  const isAny = hostname === ANY_ADDRESS || hostname === ANY_IPV4_ADDRESS;
  const host = isAny ? "localhost" : hostname.includes(":") ? `[${hostname}]` : hostname;
  return `http://${host}:${port}`;
}
