/**
 * Limits for an HTTP server under Node, so that idle connections cannot use up the process's file descriptors.
 * @module
 */
import process from "node:process";

/** Options for `serve` of `@hono/node-server`, or `createServer` of `node:http`. */
export interface ServerBounds {
  /** Options of `node:http`, ms. */
  readonly serverOptions: {
    /** The time in which a request's headers must arrive, and the first byte on a new connection. */
    readonly headersTimeout: number;
    /** The time in which a whole request must arrive. */
    readonly requestTimeout: number;
    /** The time without a request after which a connection is closed. It is longer than members are silent. */
    readonly keepAliveTimeout: number;
    /** How often the first two are checked. */
    readonly connectionsCheckingInterval: number;
  };
  /** The most connections, for the server's `maxConnections`. Further ones are closed at once. */
  readonly maxConnections: number;
}

/** File descriptors that are kept for the process itself, the store and connections to other members: as many, or half of all if that is less. */
const RESERVED_DESCRIPTORS = 64;
/** The limit of descriptors, if the process's own is not known. */
const DEFAULT_LIMIT = 1_024;
/** More connections than this do not help a replica. */
const MAX_CONNECTIONS = 16_384;

/**
 * The limits for this process.
 * @example
 * ```ts ignore
 * const { serverOptions, maxConnections } = serverBounds();
 * const server = serve({ fetch: replica.fetch, port: 1114, serverOptions });
 * server.maxConnections = maxConnections;
 * ```
 */
export function serverBounds(): ServerBounds {
  const limit = descriptorLimit();
  return {
    serverOptions: {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 75_000,
      connectionsCheckingInterval: 2_000,
    },
    // With one connection, or a few, no member could be heard.
    maxConnections: Math.min(MAX_CONNECTIONS, limit - Math.min(RESERVED_DESCRIPTORS, Math.floor(limit / 2))),
  };
}

function descriptorLimit(): number {
  try {
    const report: unknown = process.report?.getReport();
    const { userLimits } = (typeof report === "string" ? JSON.parse(report) : report) as {
      readonly userLimits?: { readonly open_files?: { readonly soft?: number | "unlimited" } };
    };
    const soft = userLimits?.open_files?.soft;
    return soft === "unlimited" ? Infinity : Number(soft) || DEFAULT_LIMIT;
  } catch {
    return DEFAULT_LIMIT;
  }
}
