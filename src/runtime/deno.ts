/**
 * A replica under Deno, on a machine of one's own or on Deno Deploy: its store, its node and its routes, served until it is told
 * to stop.
 * @module
 */
import type { Settings } from "../core/config.ts";
import type { ReplicaId } from "../core/messages/ids.ts";
import { describeThrown } from "../core/ordering/machine_guard.ts";
import type { StateMachine } from "../core/state_machine.ts";
import { type AppOptions, createApp, problem, type ReplicaApp } from "../http/mod.ts";
import { KeyValue } from "../machines/key_value.ts";
import { handOver } from "../node/hand_over.ts";
import { Node } from "../node/node.ts";
import { checkIdentity } from "../node/options.ts";
import type { Archive, Observer, Store } from "../node/ports.ts";
import type { HostEvent } from "../node/host_event.ts";
import type { Start, StartOptions } from "../node/storage/start.ts";
import { DenoKvStore } from "../stores/deno_kv.ts";
import { SqliteStore } from "../stores/sqlite.ts";
import type { ClusterFile } from "../wire/mod.ts";
import { EDGE_SETTINGS } from "./host/edge_settings.ts";
import { memberId, replicaFromVariables, type ReplicaIdentity } from "./host/environment.ts";
import { type Fields, type Level, Log, type LogEntry, type LogFormat, type LogOptions } from "./log/log.ts";
import { logFromVariable } from "./log/variable.ts";
import { type Policy, policyFromVariables, type PolicyVariable } from "./host/policy.ts";
import { ANY_ADDRESS, listenAddress, urlOf } from "./server/listen_address.ts";
import { Listener } from "./server/listener.ts";
import { openState } from "./host/state_file.ts";
import { systemTimer } from "./host/system_timer.ts";
import { membershipOf, socketTransportOf, transportOf } from "./host/transport.ts";

export {
  DenoKvStore,
  EDGE_SETTINGS,
  type Fields,
  type Level,
  Log,
  type LogEntry,
  type LogFormat,
  type LogOptions,
  type Policy,
  policyFromVariables,
  type PolicyVariable,
  replicaFromVariables,
  type ReplicaIdentity,
  SqliteStore,
  type Start,
  type StartOptions,
  systemTimer,
};

/** Which replica to serve, and how. */
export interface ServeReplicaOptions extends StartOptions {
  /** The cluster, and where its members are. */
  readonly cluster: ClusterFile;
  /** The member's name or its number. */
  readonly self: string | ReplicaId;
  /** The member's Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** Where its state is: a store, or the path of a SQLite file. */
  readonly store: Store | string;
  /** Where executed batches go before they are forgotten; nowhere if left out. */
  readonly archive?: Archive;
  /**
   * The address to listen on. If it is left out: the loopback address that the cluster file gives for the replica, or else all of the
   * machine's, IPv6 and IPv4 (`::`).
   */
  readonly hostname?: string;
  /** The port to listen on, if not that of the cluster file. */
  readonly port?: number;
  /** What differs from the default settings. */
  readonly settings?: Partial<Settings>;
  /** Makes the state machine; the key-value machine if left out. */
  readonly stateMachine?: () => StateMachine;
  /**
   * The host may stop the process between any two messages, or run several of it at once, as Deno Deploy does: everything that
   * was taken is kept in the store. Costs a commit per message.
   */
  readonly persistInputs?: boolean;
  /** Whether votes go by WebSockets, to peers that take them. Default: yes, unless {@linkcode persistInputs}. */
  readonly hasSockets?: boolean;
  /** Hear what happens, from the start on. */
  readonly observers?: readonly Observer[];
  /** Bounds and timeouts of the routes. */
  readonly app?: Omit<AppOptions, "timer" | "urls" | "membership" | "signal" | "memory">;
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

/** After this long connections are cut, ms. Deno Deploy kills a process 5 s after it has asked it to stop. */
const CLOSE_TIMEOUT_MS = 4_500;
/** So long what was said last may take to be sent, and sockets to be closed, ms. */
const FLUSH_TIMEOUT_MS = 1_000;

/**
 * Opens a replica and serves it.
 * @throws {TypeError} if the cluster has no such member; `StartError` if the store is empty and was not said to be.
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
  const self = memberId(options.cluster, options.self);
  checkIdentity({ self, genesis, settings, privateKey, stateMachine });
  const timer = systemTimer();
  const stopping = new AbortController();
  // The port is bound first: a replica that can't be reached must not touch its store.
  let handle: ReplicaApp["fetch"] = () => unavailable("the replica is starting");
  const server = new Listener({
    ...listenAddress(options, urls[genesis.replicas[self]!.name]!),
    handler: (request, connection) => handle(request, connection),
    timer,
    onAcceptFailed: (error) => tell({ kind: "accept-failed", reason: describeThrown(error).error }),
  });
  const tell = (trouble: HostEvent) => observers?.forEach((observer) => observer.onHostEvent?.(trouble));
  const hasSockets = options.hasSockets ?? !options.persistInputs;
  const membership = membershipOf(options.cluster, self, privateKey);
  const socketOptions = { timer, membership, onHostEvent: tell };
  const sockets = hasSockets ? socketTransportOf(options.cluster, self, privateKey, socketOptions) : undefined;
  let node: Node;
  try {
    node = await Node.open({
      self,
      genesis,
      settings,
      store: await openState({ ...options, self }),
      transport: sockets ?? transportOf(options.cluster, self, privateKey, membership),
      archive: options.archive,
      timer,
      privateKey,
      stateMachine,
      observers,
      persistInputs: options.persistInputs ?? false,
      start: options.start,
      hasLostDisk: options.hasLostDisk,
    });
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  const upgrade = hasSockets && { upgradeWebSocket: Deno.upgradeWebSocket };
  const app = createApp(node, { ...upgrade, ...options.app, timer, urls, membership, signal: stopping.signal, memory });
  handle = app.fetch;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let closing = false;
  const close = async () => {
    if (closing) return await closed;
    closing = true;
    await handOver(node, timer);
    handle = () => unavailable("the replica is stopping");
    await within(CLOSE_TIMEOUT_MS, async () => {
      // Nobody is awake here to say it again.
      if (options.persistInputs) await within(FLUSH_TIMEOUT_MS, () => node.sent());
      await node.close();
      stopping.abort();
      await within(FLUSH_TIMEOUT_MS, async () => await sockets?.close());
      await server.shutdown();
    });
    resolve();
  };
  if (options.signal?.aborted) await close();
  options.signal?.addEventListener("abort", () => void close(), { once: true });
  return { node, url: urlOf(server.address), close, closed };
}

/** What {@linkcode serveFromEnvironment} does not read from the environment. */
export type EnvironmentOptions = Partial<Omit<ServeReplicaOptions, "cluster" | "self" | "privateKey">>;

/**
 * Opens and serves the replica that the environment names (see {@linkcode replicaFromVariables}), as Deno Deploy needs it: its state
 * is in Deno KV under the member's name, everything it takes is kept there, it listens on all addresses, IPv6 and IPv4, at `PORT` or
 * 8000, and it stops when the process is asked to. `PBFT_KV` may name a database file; on Deno Deploy it is left out. Whom it serves is
 * in further variables, see {@linkcode policyFromVariables}.
 * What happens is logged, if there are no `observers`, as `PBFT_LOG` says: `text` (if left out), `json` or `none`.
 * `PBFT_START` says what the database is: `new` if the member has never run, and it is empty; `recover`, for once, if it is not the one
 * that it had before. Without it an empty database is refused.
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
  const { self, privateKey, cluster: { genesis } } = identity;
  checkIdentity({ self, privateKey, genesis, stateMachine: options.stateMachine ?? (() => new KeyValue()) });
  const { name } = genesis.replicas[self]!;
  const log = logFromVariable((variable) => Deno.env.get(variable), identity, systemTimer());
  const onInternalError = (error: Error) => log?.defect("a request met a defect", error);
  return await serveReplica({
    hostname: ANY_ADDRESS,
    port: portFromVariable(Deno.env.get("PORT")),
    persistInputs: true,
    signal: terminationSignal(),
    ...identity,
    ...(log && { observers: [log] }),
    ...options,
    app: { onInternalError, ...policyFromVariables((name) => Deno.env.get(name)), ...options.app },
    store: options.store ?? await DenoKvStore.open(Deno.env.get("PBFT_KV"), { prefix: [name] }),
    settings: { ...EDGE_SETTINGS, ...options.settings },
  });
}

function portFromVariable(text = ""): number {
  const digits = text.trim() || "8000";
  if (/^[0-9]{1,5}$/.test(digits) && Number(digits) <= 65_535) return Number(digits);
  throw new TypeError(`PORT: expected a number from 0 to 65535, got ${JSON.stringify(text)}`);
}

/** For a cron job: what is overdue at a replica that slept is done by the time this resolves. */
export async function wake(replica: ServedReplica | Promise<ServedReplica>): Promise<void> {
  await (await replica).node.wake();
}

/** A signal that aborts when the process is asked to end: by Ctrl-C, or by its service manager. */
export function terminationSignal(): AbortSignal {
  const controller = new AbortController();
  // Windows knows no SIGTERM.
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => controller.abort());
  return controller.signal;
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
