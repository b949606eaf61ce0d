/**
 * A replica under Deno, on a machine of one's own or on Deno Deploy: its store, its node and its routes, served until it is told
 * to stop.
 * @module
 */
import { RawSocket } from "../http/connections/raw_socket.ts";
import { WaryFetch } from "../http/connections/wary_fetch.ts";
import type { PeerSocket } from "../http/peers/peer_socket.ts";
import { DenoKvStore } from "../stores/deno_kv.ts";
import { EDGE_SETTINGS } from "./host/edge_settings.ts";
import { storeName } from "./identity/environment.ts";
import { replicaFromVariables } from "./identity/process_variables.ts";
import { checkMember } from "./identity/member_place.ts";
import type { OpenReplica, OpenReplicaOptions, ServedReplica, ServeOptions } from "./host/options.ts";
import { policyFromVariables } from "./host/policy.ts";
import { openReplicaOn, type Platform, serveOn } from "./host/serve.ts";
import { proxyVariableFor } from "./host/proxy.ts";
import { systemTimer } from "./host/system_timer.ts";
import { logFromVariable } from "./log/variable.ts";
import { ANY_ADDRESS } from "./server/listen_address.ts";
import { Listener } from "./server/listener.ts";

export * from "./process.ts";
export { DenoKvStore };

/** For so long a socket may bring no whole message before it is asked for a sign of life, s. */
const SILENT_S = 2;

const wary = new WaryFetch({
  fetch: (...args) => fetch(...args),
  connect,
  isDirect,
  timer: systemTimer(),
});

const DENO: Platform = {
  name: "Deno",
  listen: (options) => new Listener(options),
  memory() {
    const { rss, heapTotal, heapUsed, external } = Deno.memoryUsage();
    return { rss, heapTotal, heapUsed, external };
  },
  // Deno buffers a message that is never finished without bound. It cuts who is silent for so long, and then answers no ping for so long.
  upgradeWebSocket: (request) => Deno.upgradeWebSocket(request, { idleTimeout: SILENT_S }),
  fetch: wary.deliver,
  ask: wary.ask,
  openWebSocket(url, headers) {
    if (isDirect(url.replace(/^ws/, "http"))) return new RawSocket(url, headers, { connect, timer: systemTimer() });
    return new WebSocket(url, { headers } as never) as PeerSocket;
  },
};

/** Whether requests to this URL go through no proxy that the environment names. */
function isDirect(url: string): boolean {
  try {
    return proxyVariableFor(url, (name) => Deno.env.get(name)) === undefined;
  } catch {
    return true; // the environment may not be read, by `fetch` neither
  }
}

/** Connects to the host of a URL. */
function connect({ protocol, hostname, port }: URL): Promise<Deno.Conn> {
  const isSecure = protocol === "https:";
  const at = { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (isSecure ? 443 : 80) };
  return isSecure ? Deno.connectTls({ ...at, alpnProtocols: ["http/1.1"] }) : Deno.connect(at);
}

/**
 * Opens a replica and serves it.
 * @throws {TypeError} if the cluster has no such member; `StartError` if the store is empty and `start` does not say so.
 * @throws {Deno.errors.AddrInUse} if the port is taken.
 * @example
 * ```ts ignore
 * import { serve } from "@pbft/edge/deno";
 * const replica = await serve({ cluster, self: "Apple", privateKey, store: "apple.db" });
 * console.log(replica.url);
 * ```
 */
export async function serve(options: ServeOptions): Promise<ServedReplica> {
  checkRuntime();
  return await serveOn(DENO, options);
}

/**
 * Opens a replica for a server of the host's own.
 * @throws what {@linkcode serve} throws.
 * @example
 * ```ts ignore
 * import { openReplica } from "@pbft/edge/deno";
 * const replica = await openReplica({ cluster, self: "Dog", privateKey, store: "dog.db" });
 * Deno.serve({ port: 1114 }, replica.fetch);
 * ```
 */
export async function openReplica(options: OpenReplicaOptions): Promise<OpenReplica> {
  checkRuntime();
  return await openReplicaOn(DENO, options);
}

function checkRuntime(): void {
  if (typeof globalThis.Deno?.serve === "function") return;
  throw new Error("`@pbft/edge/deno` needs Deno: under Node and Bun import the same from `@pbft/edge/node`");
}

/** Options of {@linkcode serveFromEnvironment} that are not environment variables. */
export type EnvironmentOptions = Partial<Omit<ServeOptions, "cluster" | "self" | "privateKey">>;

/**
 * Opens and serves the replica that the environment names (see {@linkcode replicaFromVariables}), as Deno Deploy needs it. The state
 * and all inputs are kept in Deno KV under the member's name (for a key that is not in the genesis: with the beginning of the key). The replica listens on all addresses, IPv6 and IPv4, at `PORT` or 8000,
 * and stops when the process gets a signal to end. `PBFT_KV` may name a database file; leave it out on Deno Deploy. Further variables
 * say which callers are served, see {@linkcode policyFromVariables}.
 *
 * Without `observers` events are logged in the format that `PBFT_LOG` names: `text` (the default), `json` or `none`.
 *
 * `PBFT_START` tells the state of the database: `new` if the member has never run and the database is empty; `recover`, for one start,
 * if the member's database was lost. Without the variable an empty database is refused.
 * @throws {TypeError} naming the variable that is missing or wrong.
 * @example
 * ```ts ignore
 * import { serveFromEnvironment, wake } from "@pbft/edge/deno";
 * const replica = serveFromEnvironment();
 * Deno.cron("wake", "* * * * *", () => wake(replica));
 * await (await replica).closed;
 * Deno.exit(0); // the cron job would keep the process
 * ```
 */
export async function serveFromEnvironment(options: EnvironmentOptions = {}): Promise<ServedReplica> {
  const identity = replicaFromVariables((name) => Deno.env.get(name));
  checkMember({ ...identity, ...options });
  const log = logFromVariable((variable) => Deno.env.get(variable), identity, systemTimer());
  const onInternalError = (error: Error) => log?.defect("a request met a defect", error);
  return await serve({
    hostname: ANY_ADDRESS,
    port: portFromVariable(Deno.env.get("PORT")),
    persistInputs: true,
    signal: terminationSignal(),
    ...identity,
    ...(log && { observers: [log] }),
    ...options,
    app: {
      onInternalError,
      isMultiplexed: isOnDeploy(),
      ...policyFromVariables((name) => Deno.env.get(name)),
      ...options.app,
    },
    store: options.store ?? await DenoKvStore.open(Deno.env.get("PBFT_KV"), { prefix: [storeName(identity)] }),
    settings: { ...EDGE_SETTINGS, ...options.settings },
  });
}

/** On Deno Deploy other callers' requests may come on the same connection, and the platform bounds them. */
function isOnDeploy(): boolean {
  return Deno.env.get("DENO_DEPLOYMENT_ID") !== undefined;
}

function portFromVariable(text = ""): number {
  const digits = text.trim() || "8000";
  if (/^[0-9]{1,5}$/.test(digits) && Number(digits) <= 65_535) return Number(digits);
  throw new TypeError(`PORT: expected a number from 0 to 65535, got ${JSON.stringify(text)}`);
}

/** For a cron job: resolves once a replica that slept has done everything that was overdue. */
export async function wake(replica: ServedReplica | Promise<ServedReplica>): Promise<void> {
  await (await replica).wake();
}

/** A signal that aborts when the process is asked to end: by Ctrl-C, or by its service manager. */
export function terminationSignal(): AbortSignal {
  const controller = new AbortController();
  // Windows knows no SIGTERM.
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => controller.abort());
  return controller.signal;
}
