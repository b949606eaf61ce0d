/**
 * Finds or makes the cluster of a folder: its files, its ports, its state machine.
 * @module
 */
import type { Example } from "../machine/example.ts";
import type { LogFormat } from "../../runtime/log/log.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import { CliError, EXIT } from "../cli_error.ts";
import { clusterPath, createCluster, deleteCluster, readCluster, writeCluster } from "./data.ts";
import { lockFolder } from "./lock.ts";
import { BAD_PORTS, choosePorts, waitForPorts } from "./ports.ts";

/** A local cluster. */
export interface LocalOptions {
  /** The number of replicas. `undefined`: as many as the folder has, or four. */
  readonly replicas?: number | undefined;
  /** The first replica's port. 0: any free ports. `undefined`: the same ports as before, or from 1111. */
  readonly port?: number | undefined;
  readonly data: string;
  readonly memory: boolean;
  readonly fresh: boolean;
  readonly restart: boolean;
  readonly log: LogFormat;
  /** The policy of the replicas, and other flags of `serve`, as arguments for each. */
  readonly policy: readonly string[];
  /** A state machine of one's own; the key-value machine if left out. */
  readonly machine?: LocalMachine;
}

/** A state machine of one's own. */
export interface LocalMachine {
  readonly path: string;
  readonly exportName?: string | undefined;
  readonly version: string;
  /** The names of its operations, as far as they are known. */
  readonly operations: readonly string[];
  /** One of them to try; `null`: none is known. */
  readonly example: Example | null;
}

/** A cluster that is ready to be started. */
export interface Prepared {
  readonly folder: string;
  readonly cluster: ClusterFile;
}

const DEFAULT_REPLICAS = 4;
const DEFAULT_PORT = 1111;
const KEY_VALUE = "key-value/1";

/** Locks the folder, finds or makes its cluster, and waits for its ports. @throws {CliError} if one of these fails. */
export async function prepareCluster(options: LocalOptions): Promise<Prepared> {
  // A cluster in memory gets new keys each time, and does not touch a cluster on disk.
  const folder = options.memory ? `${options.data}/memory` : options.data;
  await lockFolder(folder);
  const cluster = await prepare(folder, options);
  await waitForPorts(portsOf(cluster));
  return { folder, cluster };
}

/** The cluster of the folder. It is created if there is none. */
async function prepare(folder: string, options: LocalOptions): Promise<ClusterFile> {
  checkIsLocal(folder, options.fresh);
  if (options.fresh || options.memory) deleteCluster(folder);
  const found = readCluster(folder);
  checkMachine(folder, found, options.machine?.version ?? KEY_VALUE);
  const n = found?.genesis.replicas.length ?? options.replicas ?? DEFAULT_REPLICAS;
  if (options.replicas !== undefined && options.replicas !== n) {
    throw new CliError(
      `--replicas: ${folder} holds a cluster of ${n} replicas, and the members of a cluster cannot change; ` +
        `use --fresh to delete it, or another --data folder`,
    );
  }
  if (found && options.port === undefined) {
    checkPorts(portsOf(found));
    return found;
  }
  const ports = await choosePorts(options.port ?? DEFAULT_PORT, n);
  checkPorts(ports);
  const urlOf = (index: number) => `http://127.0.0.1:${ports[index]}`;
  if (!found) return createCluster(folder, n, urlOf, options.machine?.version);
  // URLs are not part of the genesis: this is the same cluster at other ports.
  const urls = Object.fromEntries(found.genesis.replicas.map(({ name }, i) => [name, urlOf(i)]));
  const moved = { genesis: found.genesis, urls };
  writeCluster(folder, moved);
  return moved;
}

/**
 * Checks that a cluster is local. This command must not change a cluster that `init` made for several machines.
 * @throws {CliError} if it is not.
 */
function checkIsLocal(folder: string, isFresh: boolean): void {
  let found: ClusterFile | null;
  try {
    found = readCluster(folder);
  } catch (error) {
    if (isFresh) return; // --fresh replaces a file that cannot be read.
    throw error;
  }
  const foreign = Object.values(found?.urls ?? {}).find((url) =>
    !/^http:\/\/(127\.0\.0\.1|localhost):\d+\/?$/.test(url)
  );
  if (foreign === undefined) return;
  throw new CliError(
    `${
      clusterPath(folder)
    }: expected a cluster on this machine, with URLs like http://127.0.0.1:1111, got ${foreign}; ` +
      `choose another folder with --data`,
  );
}

/** A cluster's state machine is part of its genesis. @throws {CliError} if the folder's cluster has another one. */
function checkMachine(folder: string, found: ClusterFile | null, version: string): void {
  if (found === null || found.genesis.stateMachine === version) return;
  throw new CliError(
    `${clusterPath(folder)}: the cluster runs ${found.genesis.stateMachine}, and this is ${version}; ` +
      `begin anew with --fresh, which deletes its state, or choose another folder with --data`,
  );
}

/** Checks that clients can use these ports. @throws {CliError} if not. */
export function checkPorts(ports: readonly number[]): void {
  for (const port of ports) {
    if (port < 1024 || port > 65_535) throw usage(`--port: expected all ports from 1024 to 65535, got ${port}`);
    if (BAD_PORTS.has(port)) throw usage(`--port: fetch refuses port ${port}; choose another range`);
  }
}

function usage(message: string): CliError {
  return new CliError(`${message} (see --help)`, EXIT.usage);
}

function portsOf(cluster: ClusterFile): readonly number[] {
  return cluster.genesis.replicas.map(({ name }) => Number(new URL(cluster.urls[name]!).port));
}
