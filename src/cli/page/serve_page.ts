/**
 * Serves the live page of a local cluster on this machine. `deno task cluster` and `pbft dev` call it.
 * @module
 */
import { systemTimer } from "../../runtime/host/system_timer.ts";
import type { Listening } from "../../runtime/host/serve.ts";
import { listenOnNode } from "../../runtime/server/node_listener.ts";
import { ClusterFeed } from "./cluster_feed.ts";
import type { Operator } from "./operator.ts";
import { createPageApp } from "./page_app.ts";
import { PAGE_PORT } from "./port.ts";
import { createSimulationApp } from "./simulation_app.ts";
import { simulatorScript } from "./simulator.ts";
import { VERSION } from "../version.ts";
import type { ClusterFile } from "../../wire/mod.ts";

/** Options of {@linkcode servePage}. */
export interface ServePageOptions {
  readonly cluster: ClusterFile;
  readonly operator: Operator;
  /** The port; another free one is taken if it is in use. 0: any. Default: {@linkcode PAGE_PORT}. */
  readonly port?: number;
  /** An operation to begin with, where the machine is not the key-value machine. */
  readonly operation?: string | undefined;
  /** Makes the simulator's script for the browser. Left out: the page has no simulator. */
  readonly simulator?: () => Promise<string>;
}

/** A page that is served. */
export interface ServedPage {
  /** The link to open: it contains the token. */
  readonly link: string;
  /** Tells the page that the process of this replica is in another state. */
  changed(name: string): void;
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 15_000;
const TOKEN_BYTES = 16;

/** Serves it on 127.0.0.1. */
export async function servePage(options: ServePageOptions): Promise<ServedPage> {
  const { cluster: { genesis, urls }, operator, port = PAGE_PORT, operation, simulator } = options;
  const members = genesis.replicas.map(({ name }) => ({ name, url: urls[name]! }));
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  const token = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const timer = systemTimer();
  const feed = new ClusterFeed({ timer, name: genesis.name, members, stateOf: (member) => operator.stateOf(member) });
  const { fetch } = createPageApp({
    token,
    version: VERSION,
    members,
    feed,
    operator,
    operation,
    ...(simulator && { simulator }),
  });
  const server = await listen(port, fetch);
  const id = setInterval(() => feed.keepAlive(), KEEP_ALIVE_MS);
  return {
    link: `http://127.0.0.1:${server.address.port}/#token=${token}`,
    changed: (member) => feed.changed(member),
    async close() {
      clearInterval(id);
      feed.close();
      await server.shutdown();
    },
  };
}

/** Serves the page with simulated clusters only: there is nothing secret in it, and nothing to change. */
export async function serveSimulations({ port }: { readonly port: number }): Promise<Omit<ServedPage, "changed">> {
  const { fetch } = createSimulationApp(VERSION, simulatorScript);
  const server = await listen(port, fetch);
  return { link: `http://127.0.0.1:${server.address.port}/`, close: () => server.shutdown() };
}

/** Opens the port, or another one if it is taken. */
async function listen(port: number, fetch: (request: Request) => Response | Promise<Response>): Promise<Listening> {
  const options = { hostname: "127.0.0.1", timer: systemTimer(), handler: fetch, onAcceptFailed: () => {} };
  try {
    return await listenOnNode({ ...options, port });
  } catch (error) {
    if (port === 0) throw error;
    return await listenOnNode({ ...options, port: 0 });
  }
}
