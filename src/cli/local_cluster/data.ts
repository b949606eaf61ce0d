/**
 * What a local cluster keeps on disk: one cluster file, and a key and a state per replica.
 * @module
 */
import { DEFAULT_LIMITS, type Genesis } from "../../core/config.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import { type ClusterFile, parseClusterText } from "../../wire/mod.ts";
import { checkpointInterval, WINDOW_INTERVALS } from "../commands/checkpoint_interval.ts";
import { CliError, reasonOf } from "../cli_error.ts";
import { remove, removeEmptyFolder } from "../files.ts";
import { forgetIgnoring, ignoreSecrets } from "../commands/git_ignore.ts";
import { writeKey } from "../key_file.ts";
import { MAX_REPLICAS, memberNames } from "./member_names.ts";
import { isUsedState } from "./used_state.ts";

/** Where a replica's files are. */
export interface ReplicaFiles {
  readonly key: string;
  readonly state: string;
}

/** What a replica's state file may have beside it. */
const STATE_SUFFIXES = ["", "-wal", "-shm", "-journal"];

/** Between two checkpoints, batches, where the members are few enough. */
const DEFAULT_INTERVAL = 64;

/** A lock that can't be had for so long is another process's, ms. (Deno 2.5 has no `tryLock`.) */
const LOCK_TIMEOUT_MS = 500;

/** The cluster file's path. */
export function clusterPath(folder: string): string {
  return `${folder}/cluster.json`;
}

/** A replica's paths. */
export function replicaFiles(folder: string, name: string): ReplicaFiles {
  return { key: `${folder}/${name}/key`, state: `${folder}/${name}/state.db` };
}

/** The cluster that the folder holds, or `null`. @throws {CliError} if it can't be read. */
export function readCluster(folder: string): ClusterFile | null {
  const path = clusterPath(folder);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new CliError(`${path}: can't read it: ${reasonOf(error)}`);
  }
  try {
    return parseClusterText(text);
  } catch (error) {
    throw new CliError(`${path}: not a cluster file: ${reasonOf(error)} (--fresh starts anew)`);
  }
}

/** Makes keys and genesis for n replicas. The cluster file comes last, so that half of a cluster is never taken for one. */
export function createCluster(folder: string, n: number, urlOf: (index: number) => string): ClusterFile {
  const names = memberNames(n);
  const left = names.find((name) => hasState(folder, name));
  if (left !== undefined) {
    throw new CliError(`${folder} has the state of ${left} but no cluster.json (--fresh deletes it)`);
  }
  const interval = checkpointInterval(n, DEFAULT_INTERVAL);
  if (interval === null) throw new CliError(`--replicas: ${n} are too many for one cluster`, 2);
  const replicas = names.map((name) => {
    const { privateKey, publicKey } = generateKeyPair();
    const { key } = replicaFiles(folder, name);
    remove(key);
    writeKey(key, privateKey);
    return { name, publicKey };
  });
  ignoreSecrets(folder);
  const genesis: Genesis = {
    name: "local",
    replicas,
    checkpointInterval: interval,
    logWindow: WINDOW_INTERVALS * interval,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  const cluster = { genesis, urls: Object.fromEntries(names.map((name, i) => [name, urlOf(i)])) };
  writeCluster(folder, cluster);
  return cluster;
}

/** Whether a replica's state file is there, and the replica has begun to use it. */
export function hasState(folder: string, name: string): boolean {
  return isUsedState(replicaFiles(folder, name).state);
}

/**
 * Whether the cluster has never run. One that has may have lost up to f of its states: those replicas recover.
 * @throws {CliError} if more are gone, so that what clients were told may be, too.
 */
export function checkStates(folder: string, names: readonly string[]): boolean {
  const lost = names.filter((name) => !hasState(folder, name));
  if (lost.length === names.length) return true;
  const f = maxFaulty(names.length);
  if (lost.length <= f) return false;
  throw new CliError(
    `${folder} has lost the states of ${
      lost.join(", ")
    }: more than the ${f} that ${names.length} replicas can do without ` +
      `(put them back, or start anew with --fresh)`,
  );
}

/** Writes the cluster file, all of it or nothing. */
export function writeCluster(folder: string, cluster: ClusterFile): void {
  const path = clusterPath(folder);
  Deno.writeTextFileSync(`${path}.new`, JSON.stringify(cluster, null, 2) + "\n");
  Deno.renameSync(`${path}.new`, path);
}

/** Deletes what {@linkcode createCluster} and the replicas wrote, and nothing else that may be in the folder. */
export function deleteCluster(folder: string): void {
  remove(clusterPath(folder));
  forgetIgnoring(folder);
  for (const name of memberNames(MAX_REPLICAS)) {
    const { key, state } = replicaFiles(folder, name);
    for (const path of [key, ...STATE_SUFFIXES.map((suffix) => state + suffix)]) remove(path);
    removeEmptyFolder(`${folder}/${name}`);
  }
}

/**
 * Takes the folder for this process alone, for as long as it lives.
 * @throws {CliError} if another cluster runs on it, or it can't be written. The process is to end then.
 */
export async function lockFolder(folder: string): Promise<void> {
  let locked: Promise<boolean>;
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    locked = Deno.openSync(`${folder}/lock`, { create: true, write: true }).lock(true).then(() => true);
  } catch (error) {
    throw new CliError(`data folder ${folder}: ${reasonOf(error)}`);
  }
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const id = setTimeout(() => resolve(false), LOCK_TIMEOUT_MS);
  const isLocked = await Promise.race([locked, late]);
  clearTimeout(id);
  if (!isLocked) throw new CliError(`data folder ${folder}: another cluster is running on it`);
}
