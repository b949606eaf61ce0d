/**
 * A replica that is opened, and served until it is told to stop: the same on every runtime that has ports to listen on.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { describeThrown } from "../../core/ordering/machine_guard.ts";
import {
  createApp,
  type Membership,
  problem,
  type ReplicaApp,
  type SocketTransportOptions,
  type Upgrade,
} from "../../http/mod.ts";
import { KeyValue } from "../../machines/key_value.ts";
import { deferred } from "../../node/async/deferred.ts";
import { handOver } from "../../node/hand_over.ts";
import { ReplicaNode } from "../../node/node.ts";
import { checkScrub } from "../../node/repair/scrub.ts";
import { checkIdentity } from "../../node/options.ts";
import type { Timer, Transport } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";
import { checkSchedule, scheduleSnapshots } from "../../snapshot/schedule.ts";
import { type ListenAddress, listenAddress, urlOf } from "../server/listen_address.ts";
import { memberId } from "./environment.ts";
import type { OpenReplica, OpenReplicaOptions, ServedReplica, ServeOptions } from "./options.ts";
import { openState } from "./state_file.ts";
import { systemTimer } from "./system_timer.ts";
import { membershipOf, socketTransportOf, transportOf } from "./transport.ts";

/** A port that is open. */
export interface Listening {
  /** Where it listens. */
  readonly address: ListenAddress;
  /** Closes the port and idle connections; resolves once all requests are answered. */
  shutdown(): Promise<void>;
}

/** What a port needs to be opened. */
export interface ListenOptions extends ListenAddress {
  /** Answers a request; `connection` is what the runtime tells beside it. */
  readonly handler: (request: Request, connection?: unknown) => Response | Promise<Response>;
  readonly timer: Timer;
  /** A connection could not be accepted. */
  readonly onAcceptFailed: (error: unknown) => void;
}

/** What a runtime brings. */
export interface Platform {
  /** For errors: `Node`. */
  readonly name: string;
  /** Opens a port. */
  readonly listen: (options: ListenOptions) => Listening | Promise<Listening>;
  /** The process's memory in bytes by kind. */
  readonly memory: () => Readonly<Record<string, number>>;
  /** Takes WebSockets from other members; left out where the runtime cannot. */
  readonly upgradeWebSocket?: Upgrade;
  /** Opens a WebSocket with headers; left out where the global one takes them. */
  readonly openWebSocket?: SocketTransportOptions["open"];
}

/** After this long connections are cut, ms. Deno Deploy kills a process 5 s after it has asked it to stop. */
const CLOSE_TIMEOUT_MS = 4_500;
/** So long what was said last may take to be sent, and sockets to be closed, ms. */
const FLUSH_TIMEOUT_MS = 1_000;

/** What the node and its routes share. */
interface Opening extends Pick<Platform, "memory" | "upgradeWebSocket"> {
  readonly self: ReplicaId;
  readonly timer: Timer;
  /** One for both: its stamps must grow. */
  readonly membership: Membership;
  readonly transport: Transport;
  /** Aborts when the replica stops. */
  readonly signal: AbortSignal;
}

/** What `openReplica` does on every runtime. */
export async function openReplicaOn({ memory }: Platform, options: OpenReplicaOptions): Promise<OpenReplica> {
  const { cluster, privateKey } = options;
  const self = checkMember(options);
  const timer = systemTimer();
  const stopping = new AbortController();
  const membership = membershipOf(cluster, self, privateKey);
  const transport = transportOf(cluster, self, privateKey, membership);
  const { node, fetch } = await open(options, { self, timer, membership, transport, memory, signal: stopping.signal });
  return {
    node,
    fetch,
    async close() {
      await handOver(node, timer);
      await node.close();
      stopping.abort();
    },
  };
}

/** What `serve` does on every runtime. */
export async function serveOn(platform: Platform, options: ServeOptions): Promise<ServedReplica> {
  const { cluster, cluster: { genesis, urls }, privateKey, persistInputs = false, observers } = options;
  const { memory, upgradeWebSocket, openWebSocket } = platform;
  const hasSockets = options.hasSockets ?? (upgradeWebSocket !== undefined && !persistInputs);
  if (hasSockets && !upgradeWebSocket) throw noSocketsError(platform);
  const self = checkMember(options);
  const timer = systemTimer();
  const stopping = new AbortController();
  // The port is bound first: a replica that can't be reached must not touch its store.
  let handle: ReplicaApp["fetch"] = () => unavailable("the replica is starting");
  const tell = (event: HostEvent) => observers?.forEach((observer) => observer.onHostEvent?.(event));
  const server = await platform.listen({
    ...listenAddress(options, urls[genesis.replicas[self]!.name]!),
    handler: (request, connection) => handle(request, connection),
    timer,
    onAcceptFailed: (error) => tell({ kind: "accept-failed", reason: describeThrown(error).error }),
  });
  const membership = membershipOf(cluster, self, privateKey);
  const socketOptions = { timer, membership, onHostEvent: tell, open: openWebSocket };
  const sockets = hasSockets ? socketTransportOf(cluster, self, privateKey, socketOptions) : undefined;
  const transport = sockets ?? transportOf(cluster, self, privateKey, membership);
  const opening = { self, timer, membership, transport, memory, signal: stopping.signal };
  const upgrade = sockets && upgradeWebSocket && { upgradeWebSocket };
  const { node, fetch } = await open(options, { ...opening, ...upgrade }).catch(async (error) => {
    await server.shutdown();
    throw error;
  });
  handle = fetch;
  const { promise: closed, resolve } = deferred<void>();
  let closing = false;
  const close = async () => {
    if (closing) return await closed;
    closing = true;
    await handOver(node, timer);
    handle = () => unavailable("the replica is stopping");
    await within(CLOSE_TIMEOUT_MS, async () => {
      // Nobody is awake here to say it again.
      if (persistInputs) await within(FLUSH_TIMEOUT_MS, () => node.sent());
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

/** Opens the store, the node and its routes. */
async function open(options: OpenReplicaOptions, opening: Opening): Promise<Omit<OpenReplica, "close">> {
  const {
    cluster: { genesis, urls },
    settings,
    privateKey,
    archive,
    snapshots,
    scrub = {},
    observers,
    persistInputs,
    app,
  } = options;
  const { self, timer, transport, membership, memory, upgradeWebSocket, signal } = opening;
  const node = await ReplicaNode.open({
    self,
    genesis,
    settings,
    store: await openState({ ...options, self }),
    transport,
    archive,
    timer,
    privateKey,
    stateMachine: options.stateMachine ?? createKeyValue,
    observers,
    persistInputs: persistInputs ?? false,
    start: options.start,
    hasLostDisk: options.hasLostDisk,
  });
  if (scrub && !persistInputs) node.scrub(scrub, signal);
  if (snapshots) scheduleSnapshots(node, snapshots, { timer, signal, report: node.report });
  const upgrade = upgradeWebSocket && { upgradeWebSocket };
  return { node, fetch: createApp(node, { ...upgrade, ...app, timer, urls, membership, signal, memory }).fetch };
}

/** The member's number. @throws {TypeError} or {@linkcode RangeError} if its key, or another option, does not fit the cluster. */
function checkMember(options: OpenReplicaOptions): ReplicaId {
  const { cluster, cluster: { genesis }, privateKey, settings, stateMachine = createKeyValue } = options;
  const self = memberId(cluster, options.self);
  if (options.scrub) checkScrub(options.scrub);
  if (options.snapshots) checkSchedule(options.snapshots);
  checkIdentity({ self, genesis, settings, privateKey, stateMachine });
  return self;
}

function createKeyValue(): KeyValue {
  return new KeyValue();
}

function noSocketsError({ name }: Platform): TypeError {
  return new TypeError(
    `hasSockets: expected false or nothing under ${name}, got true: WebSockets between members are for Deno and Node; votes go by POST here`,
  );
}

function unavailable(detail: string): Response {
  return problem("unavailable", { detail });
}

async function within(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  let id: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => id = setTimeout(resolve, timeoutMs));
  await Promise.race([work(), late]);
  clearTimeout(id);
}
