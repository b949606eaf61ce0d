/**
 * A replica under Deno: its store, its node and its routes, served until it is told to stop.
 * @module
 */
import type { Settings } from "../core/config.ts";
import { type ReplicaId, replicaId } from "../core/ids.ts";
import type { StateMachine } from "../core/state_machine.ts";
import { clusterId } from "../crypto/mod.ts";
import { type AppOptions, createApp, FetchTransport, problem } from "../http/mod.ts";
import { KeyValue } from "../machines/key_value.ts";
import { Node } from "../node/node.ts";
import type { Observer, Store } from "../node/ports.ts";
import { SqliteStore } from "../stores/sqlite.ts";
import type { ClusterFile } from "../wire/mod.ts";
import { systemTimer } from "./system_timer.ts";

export { systemTimer };

/** Which replica to serve, and how. */
export interface ServeReplicaOptions {
  /** The cluster, and where its members are. */
  readonly cluster: ClusterFile;
  /** The member's name or its number. */
  readonly self: string | ReplicaId;
  /** The member's Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** Where its state is: a store, or the path of a SQLite file. */
  readonly store: Store | string;
  /** Where to listen, if not where the cluster file says that the replica is. */
  readonly hostname?: string;
  /** As {@linkcode hostname}. */
  readonly port?: number;
  /** What differs from the default settings. */
  readonly settings?: Partial<Settings>;
  /** Makes the state machine; the key-value machine if left out. */
  readonly stateMachine?: () => StateMachine;
  /** Hear what happens, from the start on. */
  readonly observers?: readonly Observer[];
  /** Bounds and timeouts of the routes. */
  readonly app?: Omit<AppOptions, "timer" | "urls" | "signal" | "memory">;
  /** Closes the replica when it aborts. */
  readonly signal?: AbortSignal;
}

/** A replica that is being served. */
export interface ServedReplica {
  /** The replica itself. */
  readonly node: Node;
  /** Where it listens. */
  readonly url: string;
  /** Stops taking requests, finishes the commit that is under way and closes the store; within five seconds. */
  close(): Promise<void>;
  /** Resolves once it is closed. */
  readonly closed: Promise<void>;
}

/** After this long connections are cut, ms. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Opens a replica and serves it.
 * @throws {TypeError} if the cluster has no such member.
 * @throws {Deno.errors.AddrInUse} if the port is taken.
 * @example
 * ```ts ignore
 * import { serveReplica } from "@pbft/edge/deno";
 * const replica = await serveReplica({ cluster, self: "Apple", privateKey, store: "apple.db" });
 * console.log(replica.url);
 * ```
 */
export async function serveReplica(options: ServeReplicaOptions): Promise<ServedReplica> {
  const { cluster: { genesis, urls }, privateKey, stateMachine = () => new KeyValue(), observers, settings } = options;
  const self = memberId(options);
  const timer = systemTimer();
  const stopping = new AbortController();
  // The port is bound first: a replica that can't be reached must not touch its store.
  let handle: (request: Request) => Response | Promise<Response> = () => unavailable("the replica is starting");
  const server = Deno.serve(listenOptions(options, self), (request) => handle(request));
  let node: Node;
  try {
    node = await Node.open({
      self,
      genesis,
      settings,
      store: typeof options.store === "string" ? await SqliteStore.open(options.store) : options.store,
      transport: new FetchTransport({ clusterFile: options.cluster, cluster: clusterId(genesis) }),
      timer,
      privateKey,
      stateMachine,
      observers,
    });
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  const app = createApp(node, { ...options.app, timer, urls, signal: stopping.signal, memory });
  handle = app.fetch;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let closing = false;
  const close = async () => {
    if (closing) return await closed;
    closing = true;
    handle = () => unavailable("the replica is stopping");
    await within(CLOSE_TIMEOUT_MS, async () => {
      await node.close();
      stopping.abort();
      await server.shutdown();
    });
    resolve();
  };
  if (options.signal?.aborted) await close();
  options.signal?.addEventListener("abort", () => void close(), { once: true });
  const { hostname, port } = server.addr;
  return { node, url: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`, close, closed };
}

/** A signal that aborts when the process is asked to end: by Ctrl-C, or by its service manager. */
export function terminationSignal(): AbortSignal {
  const controller = new AbortController();
  // Windows knows no SIGTERM.
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => controller.abort());
  return controller.signal;
}

function memberId({ self, cluster: { genesis } }: ServeReplicaOptions): ReplicaId {
  const names = genesis.replicas.map(({ name }) => name);
  const index = typeof self === "string" ? names.indexOf(self) : self;
  if (names[index] !== undefined) return replicaId(index);
  throw new TypeError(`self: expected one of ${names.join(", ")} or its number, got ${JSON.stringify(self)}`);
}

function listenOptions(options: ServeReplicaOptions, self: ReplicaId): Deno.ServeTcpOptions {
  const { name } = options.cluster.genesis.replicas[self]!;
  const url = new URL(options.cluster.urls[name]!);
  return {
    hostname: options.hostname ?? url.hostname.replace(/^\[|\]$/g, ""),
    port: options.port ?? Number(url.port || 80),
    onListen: () => {},
  };
}

function unavailable(detail: string): Response {
  return problem("unavailable", { detail });
}

function memory(): Readonly<Record<string, number>> {
  const { rss, heapTotal, heapUsed, external } = Deno.memoryUsage();
  return { rss, heapTotal, heapUsed, external };
}

async function within(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  let id: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => id = setTimeout(resolve, timeoutMs));
  await Promise.race([work(), late]);
  clearTimeout(id);
}
