/**
 * The files of a local cluster: one cluster file, and a key and a state for each replica.
 * @module
 */
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { DEFAULT_LIMITS, type Genesis } from "../../core/config.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import { type ClusterFile, readClusterText } from "../../wire/mod.ts";
import { checkpointInterval, WINDOW_INTERVALS } from "../commands/checkpoint_interval.ts";
import { CliError, codeOf, reasonOf } from "../cli_error.ts";
import { remove, removeEmptyFolder } from "../files.ts";
import { forgetIgnoring, ignoreSecrets } from "../commands/git_ignore.ts";
import { writeKey } from "../key_file.ts";
import { MAX_REPLICAS, memberNames } from "./member_names.ts";

/** The paths of a replica's files. */
export interface ReplicaFiles {
  readonly key: string;
  readonly state: string;
}

/** The suffixes of the files that belong to a state file. */
const STATE_SUFFIXES = ["", "-wal", "-shm", "-journal"];

/** The default number of batches between two checkpoints. Large clusters get fewer. */
const DEFAULT_INTERVAL = 64;

/** The path of the cluster file. */
export function clusterPath(folder: string): string {
  return `${folder}/cluster.json`;
}

/** The path of the chain of epochs, which the verbs for clients keep. */
function chainPath(folder: string): string {
  return `${folder}/chain.json`;
}

/** The paths of one replica. */
export function replicaFiles(folder: string, name: string): ReplicaFiles {
  return { key: `${folder}/${name}/key`, state: `${folder}/${name}/state.db` };
}

/** The cluster of the folder, or `null` if there is none. @throws {CliError} if its file cannot be read. */
export function readCluster(folder: string): ClusterFile | null {
  const path = clusterPath(folder);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw new CliError(`${path}: cannot be read: ${reasonOf(error)}`);
  }
  try {
    return readClusterText(text);
  } catch (error) {
    throw new CliError(`${path}: not a cluster file: ${reasonOf(error)} (--fresh starts anew)`);
  }
}

/** Makes keys and a genesis for n replicas. The cluster file is written last, so that a folder with it is complete. */
export function createCluster(
  folder: string,
  n: number,
  urlOf: (index: number) => string,
  stateMachine = "key-value/1",
): ClusterFile {
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
  // The verbs kept the chain of a former cluster. It does not continue this genesis.
  remove(chainPath(folder));
  const genesis: Genesis = {
    name: "local",
    replicas,
    checkpointInterval: interval,
    logWindow: WINDOW_INTERVALS * interval,
    stateMachine,
    limits: DEFAULT_LIMITS,
  };
  const cluster = { genesis, urls: Object.fromEntries(names.map((name, i) => [name, urlOf(i)])) };
  writeCluster(folder, cluster);
  return cluster;
}

/** Whether the replica has used its state file. */
export function hasState(folder: string, name: string): boolean {
  return isUsedState(replicaFiles(folder, name).state);
}

/**
 * Whether the cluster has never run. If it has, up to f replicas may have lost their states; these recover.
 * @throws {CliError} if more states are lost: then results that clients got may be lost too.
 */
export function checkStates(folder: string, names: readonly string[]): boolean {
  const lost = names.filter((name) => !hasState(folder, name));
  if (lost.length === names.length) return true;
  const f = maxFaulty(names.length);
  if (lost.length <= f) return false;
  throw new CliError(
    `${folder} has lost the states of ${lost.join(", ")}: more than the ${f} that ${names.length} replicas tolerate ` +
      `(put them back, or start a new cluster with --fresh)`,
  );
}

/** Writes the cluster file atomically. */
export function writeCluster(folder: string, cluster: ClusterFile): void {
  const path = clusterPath(folder);
  writeFileSync(`${path}.new`, JSON.stringify(cluster, null, 2) + "\n");
  renameSync(`${path}.new`, path);
}

/** Deletes the files of {@linkcode createCluster} and of the replicas, and no other files of the folder. */
export function deleteCluster(folder: string): void {
  remove(clusterPath(folder));
  remove(chainPath(folder));
  forgetIgnoring(folder);
  for (const name of memberNames(MAX_REPLICAS)) {
    const { key, state } = replicaFiles(folder, name);
    for (const path of [key, ...STATE_SUFFIXES.map((suffix) => state + suffix)]) remove(path);
    removeEmptyFolder(`${folder}/${name}`);
  }
}

/**
 * Whether something was committed to a state file. It may be empty, if a crash followed its creation. A file that
 * cannot be read counts as used: the replica reports the error.
 */
function isUsedState(path: string): boolean {
  try {
    if (statSync(path).size === 0) return false;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
  let database: DatabaseSync | undefined;
  try {
    const sqlite = process.getBuiltinModule("node:sqlite");
    database = new sqlite.DatabaseSync(path, { readOnly: true });
    const tables = database.prepare("SELECT count(*) AS n FROM sqlite_master").get()!.n;
    return tables !== 0 && database.prepare("SELECT number FROM version").get()?.number !== 0;
  } catch {
    return true;
  } finally {
    database?.close();
  }
}
