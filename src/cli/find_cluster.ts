/**
 * Finds and reads the cluster file.
 * @module
 */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { type ClusterFile, readClusterText, readUncompressed, UNCOMPRESSED } from "../wire/mod.ts";
import { CliError, codeOf, EXIT, reasonOf } from "./cli_error.ts";
import { exists } from "./files.ts";
import { genesisSigners } from "./genesis/signatures.ts";

/** A cluster file, and its location. */
export interface FoundCluster {
  readonly source: string;
  readonly cluster: ClusterFile;
}

/** If something else was given instead of a cluster file, the error shows this much of it, characters. */
const MOST_NAMED = 200;

/** The folders that `dev`, `cluster` and `init` write to by default. */
const USUAL_FOLDERS: readonly string[] = [".pbft", ".pbft/memory", "pbft"];
/** A longer file is not a cluster file, bytes. */
const MAX_FILE_BYTES = 1024 * 1024;
const TIMEOUT_MS = 10_000;
/** A member that does not accept a connection within this time is not the cluster that runs here, ms. */
const PROBE_MS = 500;

/** The cluster files in the usual folders. @throws {CliError} if there is none. */
export async function usualClusters(): Promise<readonly FoundCluster[]> {
  const paths = USUAL_FOLDERS.map((folder) => `${folder}/cluster.json`);
  const found = paths.filter(exists);
  if (found.length > 0) return await Promise.all(found.map(readCluster));
  throw new CliError(
    `no cluster file: expected one at ${paths.join(", ")}`,
    EXIT.usage,
    {
      looked: `looked in ${process.cwd()}`,
      next: "pbft dev, to start a cluster here; or --cluster FILE, to use another",
    },
  );
}

/**
 * The cluster that was named, or the one that is here: of several the first that answers.
 * @throws {CliError} if there is none.
 */
export async function findCluster(source: string | undefined): Promise<FoundCluster> {
  if (source !== undefined && !isFolder(source)) return await readCluster(source);
  const candidates = source === undefined ? await usualClusters() : await clustersIn(source);
  if (candidates.length === 1) return candidates[0]!;
  const answers = await Promise.all(candidates.map(({ cluster }) => doesAnyAnswer(cluster)));
  return candidates[Math.max(0, answers.indexOf(true))]!;
}

/** A text that is no usable path, such as the JSON itself, is no folder. The code that reads it names its fault. */
function isFolder(source: string): boolean {
  try {
    return statSync(source).isDirectory();
  } catch {
    return false;
  }
}

/** The clusters of a folder: the one on disk, and the one of `--memory`. */
async function clustersIn(folder: string): Promise<readonly FoundCluster[]> {
  const paths = pathsIn(folder).filter(exists);
  return await Promise.all((paths.length > 0 ? paths : [folder]).map(readCluster));
}

function pathsIn(folder: string): readonly string[] {
  const base = folder.replace(/\/+$/, "");
  return [`${base}/cluster.json`, `${base}/memory/cluster.json`];
}

async function doesAnyAnswer({ urls }: ClusterFile): Promise<boolean> {
  const answers = Object.values(urls).map(async (url) => {
    const response = await fetch(new URL("healthz", url.endsWith("/") ? url : `${url}/`), {
      signal: AbortSignal.timeout(PROBE_MS),
    });
    await response.body?.cancel();
  });
  return await Promise.any(answers).then(() => true, () => false);
}

/**
 * Reads a cluster file: its JSON, a path, a folder that contains it, or a URL.
 * @throws {CliError} naming the source.
 */
export async function readCluster(source: string): Promise<FoundCluster> {
  try {
    // The variable PBFT_CLUSTER holds the JSON itself where there are no files.
    if (source.trimStart().startsWith("{")) return { source: "PBFT_CLUSTER", cluster: checked(source) };
    if (/^https?:/.test(source)) return { source, cluster: checked(await download(source)) };
    const path = isFolder(source) ? fileIn(source) : source;
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Error(`expected a cluster file, got ${size} bytes`);
    return { source: path, cluster: checked(await readFile(path, "utf8")) };
  } catch (error) {
    const named = source.length > MOST_NAMED ? `${source.slice(0, MOST_NAMED)}…` : source || '""';
    // A server that does not answer may do so later.
    const exitCode = hasNoAnswer(error) ? EXIT.unreachable : EXIT.usage;
    throw new CliError(`${named}: ${fetchReason(error)}`, exitCode, {
      looked: /^https?:/.test(source) ? undefined : `looked in ${process.cwd()}`,
      next: nextTo(source),
    });
  }
}

/** What to do without the file: a cluster that was started with `--memory` has it in a folder below. */
function nextTo(source: string): string {
  const inMemory = source.endsWith("/cluster.json") ? pathsIn(source.slice(0, -"/cluster.json".length))[1]! : null;
  return inMemory !== null && exists(inMemory)
    ? `the cluster that was started with --memory is in ${inMemory}`
    : "pbft init makes a cluster file, pbft dev a cluster on this machine";
}

/** The cluster file of a folder. */
function fileIn(folder: string): string {
  const paths = pathsIn(folder);
  const found = paths.find(exists);
  if (found !== undefined) return found;
  throw new Error(`no cluster file: expected ${paths[0]}, or ${paths[1]} of a cluster in memory`);
}

/** Reads a cluster file whose signatures, if it has any, are those of its members. */
function checked(text: string): ClusterFile {
  const cluster = readClusterText(text);
  const [wrong] = genesisSigners(cluster).wrong;
  if (wrong === undefined) return cluster;
  throw new TypeError(
    `cluster.signatures.${wrong}: expected ${wrong}'s signature under this genesis, got another one: the file was changed after ${wrong} signed it`,
  );
}

/** Whether a server gave no answer, or an answer that says that the server itself has failed. */
function hasNoAnswer(error: unknown): boolean {
  return causeOf(error) !== undefined || error instanceof DOMException || error instanceof ServerError;
}

/** `fetch` throws a TypeError with a cause where there is no connection. */
function causeOf(error: unknown): Error | undefined {
  return error instanceof TypeError && error.cause instanceof Error ? error.cause : undefined;
}

/** An answer such as 503. */
class ServerError extends Error {}

/** Why there is no connection is in the cause of what `fetch` throws. */
function fetchReason(error: unknown): string {
  const cause = causeOf(error);
  if (cause === undefined) return reasonOf(error);
  const told = cause.message === ""
    ? codeOf(cause)
    : reasonOf(cause).replace(/^error sending request for url \(.*?\): /, "");
  return `no connection: ${told}`;
}

async function download(url: string): Promise<string> {
  const response = await fetch(url, { headers: UNCOMPRESSED, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = new TextDecoder().decode(await readUncompressed(response, MAX_FILE_BYTES));
  if (response.ok) return text;
  throw new (response.status >= 500 ? ServerError : Error)(`expected a cluster file, got status ${response.status}`);
}
