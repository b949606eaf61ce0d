/**
 * Finds and reads the cluster file.
 * @module
 */
import { type ClusterFile, parseClusterText } from "../wire/mod.ts";
import { boundedBytes } from "./check/answers.ts";
import { CliError, reasonOf } from "./cli_error.ts";
import { exists } from "./files.ts";

/** A cluster file, and its location. */
export interface FoundCluster {
  readonly source: string;
  readonly cluster: ClusterFile;
}

/** The folders that `init` and `deno task cluster` write to by default. */
const USUAL_FOLDERS: readonly string[] = ["pbft", ".pbft", ".pbft/memory"];
/** A longer file is not a cluster file, bytes. */
const MAX_FILE_BYTES = 1024 * 1024;
const TIMEOUT_MS = 10_000;

/** The cluster files in the usual folders. @throws {CliError} if there is none. */
export async function usualClusters(): Promise<readonly FoundCluster[]> {
  const paths = USUAL_FOLDERS.map((folder) => `${folder}/cluster.json`);
  const found = paths.filter(exists);
  if (found.length > 0) return await Promise.all(found.map(readCluster));
  throw new CliError(`no cluster file: expected one at ${paths.join(", ")}, or as an argument (see check --help)`);
}

/** Reads a cluster file from a path, a folder that contains it, or a URL. @throws {CliError} naming the source. */
export async function readCluster(source: string): Promise<FoundCluster> {
  try {
    if (/^https?:/.test(source)) return { source, cluster: parseClusterText(await download(source)) };
    const path = (await Deno.stat(source)).isDirectory ? `${source}/cluster.json` : source;
    const { size } = await Deno.stat(path);
    if (size > MAX_FILE_BYTES) throw new Error(`expected a cluster file, got ${size} bytes`);
    return { source: path, cluster: parseClusterText(await Deno.readTextFile(path)) };
  } catch (error) {
    throw new CliError(`${source || '""'}: ${reasonOf(error)}`);
  }
}

async function download(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = new TextDecoder().decode(await boundedBytes(response, MAX_FILE_BYTES));
  if (response.ok) return text;
  throw new Error(`expected a cluster file, got status ${response.status}`);
}
