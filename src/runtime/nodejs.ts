/**
 * A replica under Node or Bun: its store, its node and its routes, served until it is told to stop, or for a server of the host's own.
 * @module
 */
import process from "node:process";
import type { OpenReplica, OpenReplicaOptions, ServedReplica, ServeOptions } from "./host/options.ts";
import { openReplicaOn, type Platform, serveOn } from "./host/serve.ts";
import { listenOnNode } from "./server/node_listener.ts";
import { openOnNode, upgradeOnNode } from "./server/node_sockets.ts";
import { type ServerBounds, serverBounds } from "./server/server_bounds.ts";

export * from "./process.ts";
export { type ServerBounds, serverBounds };

/** Bun's `ws` is its own, and has not been tried. */
const isBun = process.versions.bun !== undefined;

const NODE: Platform = {
  name: isBun ? "Bun" : "Node",
  listen: listenOnNode,
  ...(!isBun && { upgradeWebSocket: upgradeOnNode, openWebSocket: openOnNode }),
  memory() {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    return { rss, heapTotal, heapUsed, external };
  },
};

/**
 * Opens a replica and serves it, with the bounds of {@linkcode serverBounds}. The options are those of `serve` of `@pbft/edge/deno`; only
 * `hasSockets: true` is refused under Bun.
 * @throws {TypeError} if the cluster has no such member, or an option is not for Node; `StartError` if the store is empty and `start`
 * does not say so; `StoreOpenError` if its file can't be opened, as under Node 20, which has no `node:sqlite`; an error with the code `EADDRINUSE`
 * if the port is taken.
 * @example
 * ```ts ignore
 * import { serve } from "@pbft/edge/node";
 * const replica = await serve({ cluster, self: "Apple", privateKey, store: "apple.db" });
 * console.log(replica.url);
 * ```
 */
export async function serve(options: ServeOptions): Promise<ServedReplica> {
  return await serveOn(NODE, options);
}

/**
 * Opens a replica for a server of the host's own.
 * @throws {TypeError} if the cluster has no such member; `StartError` if the store is empty and `start` does not say so; `StoreOpenError` if
 * its file can't be opened.
 * @example
 * ```ts ignore
 * import { serve } from "@hono/node-server";
 * import { openReplica, serverBounds } from "@pbft/edge/node";
 * const replica = await openReplica({ cluster, self: "Dog", privateKey, store: "dog.db" });
 * const { serverOptions, maxConnections } = serverBounds();
 * const server = serve({ fetch: replica.fetch, port: 1114, serverOptions });
 * server.maxConnections = maxConnections;
 * ```
 */
export async function openReplica(options: OpenReplicaOptions): Promise<OpenReplica> {
  return await openReplicaOn(NODE, options);
}

/** A signal that aborts when the process is asked to end: by Ctrl-C, or by its service manager. */
export function terminationSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => controller.abort());
  return controller.signal;
}
