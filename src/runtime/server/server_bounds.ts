/**
 * Bounds of an HTTP server under Node, so that idle connections do not use up the process's descriptors.
 * @module
 */
import process from "node:process";

/** For `serve` of `@hono/node-server`, or `createServer` of `node:http`. */
export interface ServerBounds {
  /** What `node:http` takes, ms. */
  readonly serverOptions: {
    /** A request's headers must be here after so long; so must the first byte on a new connection. */
    readonly headersTimeout: number;
    /** A whole request must be. */
    readonly requestTimeout: number;
    /** A connection is closed when no further request came for so long. Longer than members are silent. */
    readonly keepAliveTimeout: number;
    /** How often the first two are looked at. */
    readonly connectionsCheckingInterval: number;
  };
  /** Most connections, for the server's `maxConnections`: newcomers above it are closed at once. */
  readonly maxConnections: number;
}

/** Descriptors that are not for connections that come in: the store, and connections to other members. */
const RESERVED_DESCRIPTORS = 64;
/** Where the process's limit is not known. */
const DEFAULT_LIMIT = 1_024;
/** More are of no use to a replica. */
const MAX_CONNECTIONS = 16_384;

/**
 * The bounds that suit this process.
 * @example
 * ```ts ignore
 * const { serverOptions, maxConnections } = serverBounds();
 * const server = serve({ fetch: replica.fetch, port: 1114, serverOptions });
 * server.maxConnections = maxConnections;
 * ```
 */
export function serverBounds(): ServerBounds {
  return {
    serverOptions: {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 75_000,
      connectionsCheckingInterval: 2_000,
    },
    maxConnections: Math.min(MAX_CONNECTIONS, Math.max(1, descriptorLimit() - RESERVED_DESCRIPTORS)),
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
