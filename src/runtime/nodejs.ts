/**
 * A replica under Node, Bun, or whatever else serves `fetch` handlers: its node and its routes, for a server of the host's own.
 * @module
 */
import type { Settings } from "../core/config.ts";
import type { ReplicaId } from "../core/messages/ids.ts";
import type { StateMachine } from "../core/state_machine.ts";
import { type AppOptions, createApp, type ReplicaApp } from "../http/mod.ts";
import { KeyValue } from "../machines/key_value.ts";
import { handOver } from "../node/hand_over.ts";
import { Node } from "../node/node.ts";
import { checkIdentity } from "../node/options.ts";
import type { Archive, Observer, Store } from "../node/ports.ts";
import type { Start, StartOptions } from "../node/storage/start.ts";
import { MemoryStore } from "../stores/memory.ts";
import { SqliteStore } from "../stores/sqlite.ts";
import type { ClusterFile } from "../wire/mod.ts";
import { type Fields, type Level, Log, type LogEntry, type LogFormat, type LogOptions } from "./log/log.ts";
import { memberId, replicaFromVariables, type ReplicaIdentity, startFromVariables } from "./host/environment.ts";
import { type Policy, policyFromVariables, type PolicyVariable } from "./host/policy.ts";
import { type ServerBounds, serverBounds } from "./server/server_bounds.ts";
import { openState } from "./host/state_file.ts";
import { systemTimer } from "./host/system_timer.ts";
import { membershipOf, transportOf } from "./host/transport.ts";

export {
  type Fields,
  type Level,
  Log,
  type LogEntry,
  type LogFormat,
  type LogOptions,
  MemoryStore,
  type Policy,
  policyFromVariables,
  type PolicyVariable,
  replicaFromVariables,
  type ReplicaIdentity,
  type ServerBounds,
  serverBounds,
  SqliteStore,
  type Start,
  startFromVariables,
  type StartOptions,
  systemTimer,
};

/** Which replica to open, and how. */
export interface OpenReplicaOptions extends StartOptions {
  /** The cluster, and where its members are. */
  readonly cluster: ClusterFile;
  /** The member's name or its number. */
  readonly self: string | ReplicaId;
  /** The member's Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** Where its state is: a store, or the path of a SQLite file, for which the runtime must have `node:sqlite`. */
  readonly store: Store | string;
  /** Where executed batches go before they are forgotten; nowhere if left out. */
  readonly archive?: Archive;
  /** What differs from the default settings. */
  readonly settings?: Partial<Settings>;
  /** Makes the state machine; the key-value machine if left out. */
  readonly stateMachine?: () => StateMachine;
  /** Hear what happens, from the start on. */
  readonly observers?: readonly Observer[];
  /** Bounds and timeouts of the routes. */
  readonly app?: Omit<AppOptions, "timer" | "urls" | "membership" | "signal">;
}

/** A replica that is open. */
export interface OpenReplica {
  /** The replica itself. */
  readonly node: Node;
  /** Answers its requests; what `serve` of `@hono/node-server` takes. */
  readonly fetch: ReplicaApp["fetch"];
  /** Stops taking requests, finishes the commit that is under way and closes the store. */
  close(): Promise<void>;
}

/**
 * Opens a replica.
 * @throws {TypeError} if the cluster has no such member; `StartError` if the store is empty and was not said to be; `StoreOpenError` if
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
  const { cluster, privateKey, settings, stateMachine = () => new KeyValue(), observers, app } = options;
  const timer = systemTimer();
  const stopping = new AbortController();
  const self = memberId(cluster, options.self);
  checkIdentity({ self, genesis: cluster.genesis, settings, privateKey, stateMachine });
  const membership = membershipOf(cluster, self, privateKey);
  const node = await Node.open({
    self,
    genesis: cluster.genesis,
    settings,
    store: await openState({ ...options, self }),
    transport: transportOf(cluster, self, privateKey, membership),
    timer,
    archive: options.archive,
    privateKey,
    stateMachine,
    observers,
    start: options.start,
    hasLostDisk: options.hasLostDisk,
  });
  const { fetch } = createApp(node, { ...app, timer, urls: cluster.urls, membership, signal: stopping.signal });
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
