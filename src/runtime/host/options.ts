/**
 * The options of a replica's host: the same on every runtime.
 * @module
 */
import type { Settings } from "../../core/config.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { StateMachines } from "../../core/epochs/versions.ts";
import type { AppOptions, ReplicaApp } from "../../http/mod.ts";
import type { ReplicaNode } from "../../node/node.ts";
import type { Archive, Observer, Store } from "../../node/ports.ts";
import type { ScrubSchedule } from "../../node/repair/scrub.ts";
import type { StartOptions } from "../../node/storage/start.ts";
import type { SnapshotStorage } from "../../snapshot/storage/storage.ts";
import type { SnapshotSchedule } from "../../snapshot/schedule.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import type { KeyRotation } from "../identity/key_rotation.ts";
import type { Interposer } from "./interposer.ts";

/** What every host may choose: a process under Deno or Node, and a Durable Object. */
export interface HostOptions {
  /** What differs from the default settings. */
  readonly settings?: Partial<Settings>;
  /**
   * Makes the state machine, or all its versions that this replica can run, by their names; the key-value machine if left
   * out.
   */
  readonly stateMachine?: StateMachines;
  /** Where executed batches go before they are forgotten; nowhere if left out. */
  readonly archive?: Archive;
  /** Hear what happens, from the start on. */
  readonly observers?: readonly Observer[];
  /** Bounds and timeouts of the routes. */
  readonly app?: Omit<AppOptions, "timer" | "urls" | "membership" | "epochs" | "signal" | "memory">;
}

/** Which replica to open, and how. */
export interface OpenReplicaOptions extends HostOptions, StartOptions {
  /** The cluster, and where its members are. */
  readonly cluster: ClusterFile;
  /** The member's name or its number. For a key that is no member in the genesis: the name for its log. */
  readonly self: string | ReplicaId;
  /** The member's Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** Where its state is: a store, or the path of a SQLite file, for which the runtime must have `node:sqlite`. */
  readonly store: Store | string;
  /**
   * The host may stop the process between any two messages, or run several of it at once, as Deno Deploy does: everything that
   * was taken is kept in the store. Costs a commit per message.
   */
  readonly persistInputs?: boolean;
  /**
   * Links of the chain of epochs from epoch 0 on, as `GET /epochs` gives them. For a key that is no member in the genesis it must be given, and may be
   * empty: the replica asks the members for the links until it is a member.
   */
  readonly chain?: readonly Uint8Array[] | undefined;
  /**
   * URLs of running members to ask for the chain of epochs, beside those that the cluster file and the chain name: those may
   * be gone. As with {@linkcode chain}, the key need not be a member in the genesis.
   */
  readonly join?: readonly string[] | undefined;
  /**
   * How often, and how fast, the state in the store is read again, so that what the disk has lost or changed is found and
   * fetched from the other members. Default: once an hour, 4 MiB a second; `false`, and with {@linkcode persistInputs}: never.
   */
  readonly scrub?: ScrubSchedule | false;
  /**
   * Whether this member approves by itself of a proposal that changes nothing but the key of one other member, and that
   * this member has signed with its present key. Default: no.
   */
  readonly approvesRotations?: boolean;
  /**
   * Where the snapshot is with which a new cluster begins ({@linkcode Genesis.origin}). It is read at the first start, with
   * `start: "new"`. Members without it fetch the state from the others.
   */
  readonly origin?: SnapshotStorage;
  /** Saves snapshots of the state at intervals; none if left out. */
  readonly snapshots?: SnapshotSchedule;
}

/** Which replica to serve, and how. */
export interface ServeOptions extends OpenReplicaOptions {
  /**
   * The address to listen on. If it is left out: the loopback address that the cluster file gives for the replica, or else all of the
   * machine's, IPv6 and IPv4 (`::`).
   */
  readonly hostname?: string;
  /** The port to listen on, if not that of the cluster file or of the chain. */
  readonly port?: number;
  /**
   * Whether the replica closes itself when it was removed and nobody needs it any more: a quorum of the next epoch has the
   * state. Until then it serves the chain and the state. Default: no.
   */
  readonly stopsWhenRemoved?: boolean;
  /** Changes this member's key on a schedule. Enough of the other members must have `approvesRotations`. Default: no. */
  readonly keyRotation?: KeyRotation;
  /**
   * Whether votes go by WebSockets, to peers that take them. Deno and Node only: `true` is refused on other runtimes, where votes go by
   * POST. Default: under Deno and Node yes, unless {@linkcode persistInputs}.
   */
  readonly hasSockets?: boolean;
  /** Stands between the replica and the other members, for clusters that are to be broken. @internal */
  readonly interposer?: Interposer;
  /** Closes the replica when it aborts. */
  readonly signal?: AbortSignal;
}

/** A replica that is open. */
export interface OpenReplica {
  /** The replica itself: that of the present epoch, or the last one. Throws a `TypeError` if this key was no member yet. */
  readonly node: ReplicaNode;
  /** The last epoch that it knows. */
  readonly epoch: Epoch;
  /** Answers its requests; what `Deno.serve` and `serve` of `@hono/node-server` take. */
  readonly fetch: ReplicaApp["fetch"];
  /** Stops taking requests, finishes the commit that is under way and closes the store. */
  close(): Promise<void>;
}

/** A replica that is being served. */
export interface ServedReplica {
  /** The replica itself: that of the present epoch, or the last one. Throws a `TypeError` if this key was no member yet. */
  readonly node: ReplicaNode;
  /** The last epoch that it knows. */
  readonly epoch: Epoch;
  /** Whether it is a member of that epoch. */
  readonly isMember: boolean;
  /** Where it listens. */
  readonly url: string;
  /** Runs overdue timers, after the host has slept: a cron job calls it. */
  wake(): Promise<void>;
  /** Stops taking requests, finishes the commit that is under way and closes the store; within five seconds. */
  close(): Promise<void>;
  /** Resolves once it is closed. */
  readonly closed: Promise<void>;
}
