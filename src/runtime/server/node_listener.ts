/**
 * A port under Node or Bun.
 * @module
 */
import { createAdaptorServer } from "@hono/node-server";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Listening, ListenOptions } from "../host/serve.ts";
import { ANY_ADDRESS, ANY_IPV4_ADDRESS } from "./listen_address.ts";
import { takeUpgrades } from "./node_sockets.ts";
import { serverBounds } from "./server_bounds.ts";

/** Connections that are not idle after this long are cut at a shutdown, ms: requests under way were answered before. */
const SHUTDOWN_MS = 1_000;
/** How often idle connections are closed meanwhile, ms. Node does it once, and then waits for those that become idle later. */
const SWEEP_MS = 20;

/** Opens a port. @throws an error with the code `EADDRINUSE` if it is taken. */
export async function listenOnNode(options: ListenOptions): Promise<Listening> {
  const { hostname } = options;
  const server = await bind(options).catch((error) => {
    if (hostname !== ANY_ADDRESS || isTaken(error)) throw error;
    return bind({ ...options, hostname: ANY_IPV4_ADDRESS }); // a machine without IPv6
  });
  server.on("error", options.onAcceptFailed);
  server.on("drop", () => options.onAcceptFailed(new Error(tooMany(server.maxConnections))));
  const { address, port } = server.address() as AddressInfo;
  const cutSockets = takeUpgrades(server, options.handler);
  return { address: { hostname: address, port }, shutdown: () => shutdown(server, cutSockets) };
}

function tooMany(connections: number): string {
  return `there are ${connections} connections, the most that the limit of open files leaves room for`;
}

async function bind({ hostname, port, handler }: ListenOptions): Promise<Server> {
  const { serverOptions, maxConnections } = serverBounds();
  // The globals are the program's own.
  const server = createAdaptorServer({ fetch: handler, serverOptions, overrideGlobalObjects: false }) as Server;
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: hostname }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}

function isTaken(error: unknown): boolean {
  const { code } = Object(error) as { readonly code?: string };
  return code === "EADDRINUSE" || code === "EACCES";
}

async function shutdown(server: Server, cutSockets: () => void): Promise<void> {
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const cut = setTimeout(() => {
    server.closeAllConnections();
    cutSockets();
  }, SHUTDOWN_MS);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(sweep);
  clearTimeout(cut);
}
