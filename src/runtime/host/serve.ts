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
import { deferred } from "../../node/async/deferred.ts";
import { handOver } from "../../node/hand_over.ts";
import type { ReplicaNode } from "../../node/node.ts";
import { checkScrub, startScrubbing } from "../../node/repair/scrub.ts";
import type { Timer, Transport } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";
import { checkSchedule, scheduleSnapshots } from "../../snapshot/schedule.ts";
import { type ListenAddress, listenAddress, urlOf } from "../server/listen_address.ts";
import { type KeyReplica, KeyRotator, type NextKey } from "../identity/key_rotation.ts";
import { sharedAddress } from "../identity/shared_address.ts";
import { chainOf, checkMember, createKeyValue, ownerOf, ownUrl } from "../identity/member_place.ts";
import type { OpenReplica, OpenReplicaOptions, ServedReplica, ServeOptions } from "./options.ts";
import { fillFromOrigin } from "./origin.ts";
import { openState } from "./state_file.ts";
import { systemTimer } from "./system_timer.ts";
import { socketTransportOf, transportOf } from "./transport.ts";
import { httpSource } from "../../http/peers/member_source.ts";
import type { Interposer } from "./interposer.ts";
import { type MemberHost, type MemberHostOptions, openMemberHost, type OpenTransport } from "./member_host.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";

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
  /** POSTs to other members; by default the global one. */
  readonly fetch?: typeof globalThis.fetch;
  /** Asks other members; by default the global one. */
  readonly ask?: typeof globalThis.fetch;
  /** Opens a WebSocket with headers; left out where the global one takes them. */
  readonly openWebSocket?: SocketTransportOptions["open"];
}

/** After this long connections are cut, ms. Deno Deploy kills a process 5 s after it has asked it to stop. */
const CLOSE_TIMEOUT_MS = 4_500;
/** The most time to send the last messages and to close sockets, ms. */
const FLUSH_TIMEOUT_MS = 1_000;

/** What `openReplica` does on every runtime. */
export async function openReplicaOn(
  { memory, fetch, ask }: Platform,
  options: OpenReplicaOptions,
): Promise<OpenReplica> {
  checkOptions(options);
  const timer = systemTimer();
  const stopping = new AbortController();
  const post = (epoch: Epoch, self: ReplicaId, membership: Membership) => ({
    transport: transportOf(epoch, self, options.privateKey, membership, { fetch }),
  });
  const host = await open(options, { timer, memory, ask, signal: stopping.signal, openTransport: post });
  return {
    get node() {
      return nodeOf(host);
    },
    get epoch() {
      return host.member.epoch;
    },
    fetch: host.fetch,
    async close() {
      if (host.member.node) await handOver(host.member.node, timer);
      await host.close();
      stopping.abort();
    },
  };
}

/** What `serve` does on every runtime. */
export async function serveOn(platform: Platform, options: ServeOptions): Promise<ServedReplica> {
  const { privateKey, persistInputs = false, observers } = options;
  const { memory, upgradeWebSocket, openWebSocket, fetch, ask } = platform;
  const hasSockets = options.hasSockets ?? (upgradeWebSocket !== undefined && !persistInputs);
  if (hasSockets && !upgradeWebSocket) throw noSocketsError(platform);
  checkOptions(options);
  const told = ownUrl(options);
  const url = typeof told === "string" ? told : await told;
  const timer = systemTimer();
  const stopping = new AbortController();
  // The port is bound first: a replica that can't be reached must not touch its store.
  let handle: ReplicaApp["fetch"] = () => unavailable("the replica is starting");
  const tell = (event: HostEvent) => observers?.forEach((observer) => observer.onHostEvent?.(event));
  const server = await platform.listen({
    ...listenAddress(options, url),
    handler: (request, connection) => handle(request, connection),
    timer,
    onAcceptFailed: (error) => tell({ kind: "accept-failed", reason: describeThrown(error).error }),
  });
  const openTransportOf = (key: string) => (epoch: Epoch, member: ReplicaId, membership: Membership): OpenTransport => {
    const between = (transport: Transport) => options.interposer?.transport(transport) ?? transport;
    if (!hasSockets) return { transport: between(transportOf(epoch, member, key, membership, { fetch })) };
    const sockets = socketTransportOf(epoch, member, key, {
      timer,
      membership,
      onHostEvent: tell,
      open: openWebSocket,
      fetch,
    });
    return { transport: between(sockets), close: () => sockets.close() };
  };
  const upgrade = hasSockets && upgradeWebSocket && { upgradeWebSocket };
  const { interposer, stopsWhenRemoved, keyRotation } = options;
  const departed = deferred<void>();
  const onDeparted = (key: string, epoch: Epoch) => {
    if (key !== present?.privateKey || rotator?.hasPlaceIn(epoch)) return;
    tell({ kind: "departed", epoch: epoch.number, urls: epoch.urls });
    departed.resolve();
  };
  const openWith = (key: string, own: OpenReplicaOptions): Promise<MemberHost> => {
    const shared = { timer, memory, ask, signal: stopping.signal, openTransport: openTransportOf(key) };
    const departing = stopsWhenRemoved && { onDeparted: (epoch: Epoch) => onDeparted(key, epoch) };
    return open(own, { ...shared, ...departing, ...upgrade, ...(interposer && { interposer }) });
  };
  let present: KeyReplica | null = null;
  const replace = async (next: KeyReplica) => {
    const former = present;
    present = next;
    handle = next.host.fetch;
    await former?.host.close();
  };
  const hosted = () => present!.host;
  const openNext = async (next: NextKey) => {
    const chain = hosted().member.linksAfter(0);
    const host = await openWith(next.privateKey, { ...options, ...next, chain });
    handle = sharedAddress(hosted(), host);
    return host;
  };
  const rotator = keyRotation &&
    new KeyRotator(keyRotation, { timer, tell, open: openNext, replace, present: () => present! });
  const first = await openWith(privateKey, options).catch(async (error) => {
    await server.shutdown();
    throw error;
  });
  await replace({ host: first, privateKey });
  rotator?.start();
  const { promise: closed, resolve } = deferred<void>();
  let closing = false;
  const close = async () => {
    if (closing) return await closed;
    closing = true;
    if (rotator) await within(FLUSH_TIMEOUT_MS, () => rotator.stop());
    const host = hosted();
    if (host.member.node) await handOver(host.member.node, timer);
    handle = () => unavailable("the replica is stopping");
    await within(CLOSE_TIMEOUT_MS, async () => {
      // Nobody is awake here to say it again.
      if (persistInputs) await within(FLUSH_TIMEOUT_MS, async () => await host.member.node?.sent());
      await host.close();
      stopping.abort();
      await server.shutdown();
    });
    resolve();
  };
  void departed.promise.then(close);
  if (options.signal?.aborted) await close();
  options.signal?.addEventListener("abort", () => void close(), { once: true });
  return {
    get node() {
      return nodeOf(hosted());
    },
    get epoch() {
      return hosted().member.epoch;
    },
    get isMember() {
      return hosted().member.node !== null;
    },
    url: urlOf(server.address),
    async wake() {
      const { member } = hosted();
      await Promise.all([member.poke(), member.node?.wake()]);
    },
    close,
    closed,
  };
}

/** What the member and its routes share. */
interface Opening
  extends Pick<Platform, "memory" | "ask" | "upgradeWebSocket">, Pick<MemberHostOptions, "openTransport"> {
  readonly onDeparted?: (present: Epoch) => void;
  readonly timer: Timer;
  readonly interposer?: Interposer;
  /** Aborts when the replica stops. */
  readonly signal: AbortSignal;
}

/** Opens the store, the member and its routes. */
async function open(options: OpenReplicaOptions, opening: Opening): Promise<MemberHost> {
  const { cluster, settings, privateKey, archive, snapshots, scrub = {}, observers, persistInputs, join, app } =
    options;
  const { approvesRotations } = options;
  const { timer, openTransport, memory, ask, upgradeWebSocket, signal, interposer, onDeparted } = opening;
  const store = await openState({ ...options, owner: ownerOf(options) });
  const starting = await fillFromOrigin(store, options);
  return await openMemberHost({
    member: {
      cluster,
      chain: chainOf(options),
      join,
      settings,
      store,
      archive,
      timer,
      privateKey,
      stateMachine: options.stateMachine ?? createKeyValue,
      ...(observers && { observers }),
      persistInputs: persistInputs ?? false,
      ...starting,
      ...(onDeparted && { onDeparted }),
    },
    openTransport,
    source: httpSource(ask),
    approvesRotations,
    createApp(node, parts) {
      const { ended, ...shared } = parts;
      const ending = AbortSignal.any([signal, parts.signal]);
      const running = AbortSignal.any([signal, ended]);
      if (scrub && !persistInputs) startScrubbing({ ...scrub, ...node.scrubbed, signal: running });
      if (snapshots) scheduleSnapshots(node, snapshots, { timer, signal: running, report: node.report });
      const upgrade = upgradeWebSocket && { upgradeWebSocket };
      const hosted = interposer?.node(node) ?? node;
      return createApp(hosted, { ...upgrade, ...app, ...shared, timer, signal: ending, memory }).fetch;
    },
  });
}

/** @throws {TypeError} or {@linkcode RangeError} naming the option that does not fit. */
function checkOptions(options: OpenReplicaOptions): void {
  if (options.scrub) checkScrub(options.scrub);
  if (options.snapshots) checkSchedule(options.snapshots);
  checkMember(options);
}

/** The node of the present epoch, or the last one. @throws {TypeError} if there was none yet. */
function nodeOf({ node, member }: MemberHost): ReplicaNode {
  if (node) return node;
  throw new TypeError(`node: this key is no member in epoch ${member.epoch.number}, the last one that is known`);
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
