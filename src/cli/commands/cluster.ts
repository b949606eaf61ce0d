/**
 * `deno task cluster`: a whole cluster on this machine, each replica in its own process.
 * @module
 */
import type { ClusterFile } from "../../wire/mod.ts";
import { ChildReplica } from "../local_cluster/child_replica.ts";
import { CliError, runCommand } from "../cli_error.ts";
import {
  checkStates,
  clusterPath,
  createCluster,
  deleteCluster,
  hasState,
  lockFolder,
  readCluster,
  replicaFiles,
  writeCluster,
} from "../local_cluster/data.ts";
import { ClusterOutput } from "../local_cluster/output.ts";
import { checkPorts, CLUSTER_HELP, type ClusterOptions, parseClusterOptions } from "./cluster_options.ts";
import { choosePorts, waitForPorts } from "../local_cluster/ports.ts";
import { listenForStop, type StopSignals } from "../stop_signals.ts";
import { Supervisor } from "../local_cluster/supervisor.ts";

const DEFAULT_REPLICAS = 4;
const DEFAULT_PORT = 1111;

if (import.meta.main) await runCommand(() => main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const options = parseClusterOptions(args);
  if (options.help) {
    console.log(CLUSTER_HELP);
    return 0;
  }
  const stop = listenForStop();
  // A cluster in memory gets new keys each time, and does not touch a cluster on disk.
  const folder = options.memory ? `${options.data}/memory` : options.data;
  await lockFolder(folder);
  const cluster = prepare(folder, options);
  await waitForPorts(portsOf(cluster));
  return await run(folder, cluster, { ...options, stop });
}

/** The cluster of the folder. It is created if there is none. */
function prepare(folder: string, options: ClusterOptions): ClusterFile {
  checkIsLocal(folder, options.fresh);
  if (options.fresh || options.memory) deleteCluster(folder);
  const found = readCluster(folder);
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
  const ports = choosePorts(options.port ?? DEFAULT_PORT, n);
  checkPorts(ports);
  const urlOf = (index: number) => `http://127.0.0.1:${ports[index]}`;
  if (!found) return createCluster(folder, n, urlOf);
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

interface RunOptions extends ClusterOptions {
  readonly stop: StopSignals;
}

async function run(folder: string, cluster: ClusterFile, options: RunOptions): Promise<number> {
  const names = cluster.genesis.replicas.map(({ name }) => name);
  let isNew = checkStates(folder, names);
  const start = (name: string) => {
    const files = replicaFiles(folder, name);
    const state = options.memory ? ["--memory"] : ["--state", files.state];
    if (!hasState(folder, name)) state.push("--start", isNew ? "new" : "recover");
    const args = [
      "--cluster",
      clusterPath(folder),
      "--name",
      name,
      "--key",
      files.key,
      ...state,
      "--log",
      options.log,
      ...options.policy,
    ];
    return new ChildReplica({ name, url: cluster.urls[name]!, args, folder });
  };
  const { requested, forced } = options.stop;
  if (requested.aborted) return 0;
  const output = new ClusterOutput(options.log);
  const supervisor = new Supervisor({ names, start, restart: options.restart, output });
  requested.addEventListener("abort", () => void supervisor.stop(), { once: true });
  forced.addEventListener("abort", () => supervisor.kill(), { once: true });
  if (await supervisor.waitUntilReady()) {
    isNew = options.memory;
    output.ready(cluster.urls[names[0]!]!, clusterPath(folder));
  }
  await supervisor.ended;
  return requested.aborted ? 0 : 1;
}

function portsOf(cluster: ClusterFile): readonly number[] {
  return cluster.genesis.replicas.map(({ name }) => Number(new URL(cluster.urls[name]!).port));
}
