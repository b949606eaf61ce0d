/** What the programs of the examples share: what their user can mend is a line and an exit code, and no stack. */
import { ClientError, type ClusterFile, parseClusterText, TimeoutError } from "@pbft/edge/client";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { withTrouble } from "./trouble.ts";

/** What the user can mend. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Runs a program to its end. Exit codes: 2 for a wrong use, 3 if the cluster does not answer. */
export async function command(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ClientError)) throw error;
    console.error(`error: ${error.message}${error instanceof TimeoutError ? nextOf(error) : ""}`);
    Deno.exitCode = error instanceof UsageError ? 2 : 3;
  }
}

function nextOf({ effect }: TimeoutError): string {
  const fate = effect === "none"
    ? "nothing was changed: try again"
    : "read before you try again: it may have been done";
  return `\n  next: ${fate}; who does not answer: deno run -A src/cli/mod.ts check`;
}

/** `parseArgs` of `node:util`. @throws {UsageError} for an option that does not exist. */
export function argumentsOf<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(/\. |\n/, 1)[0] : String(error));
  }
}

/** Reads a cluster file. @throws {UsageError} if there is none, or the cluster runs another machine than `version`. */
export async function clusterIn(path: string, version: string): Promise<ClusterFile> {
  const folder = version.split("/", 1)[0];
  const next =
    `start the cluster of this example: deno run -A src/cli/mod.ts dev examples/${folder}/machine.ts --fresh`;
  const text = await readText(path, `\n  next: ${next}`);
  let cluster;
  try {
    cluster = parseClusterText(text);
  } catch (error) {
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : error}`);
  }
  const { stateMachine } = cluster.genesis;
  if (stateMachine === version) return cluster;
  throw new UsageError(`${path}: expected a cluster that runs ${version}, got one of ${stateMachine}\n  next: ${next}`);
}

/** Reads a file that the user has named. @throws {UsageError} if that can't be done. */
export async function readText(path: string, next = ""): Promise<string> {
  return new TextDecoder().decode(await readBytes(path, next));
}

/** As {@linkcode readText}, in bytes. */
export async function readBytes(path: string, next = ""): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "no such file" : error instanceof Error ? error.message : error;
    throw new UsageError(`${path}: ${why}${next}`);
  }
}

/** Waits for a call, and says after a moment if no quorum of replicas answers. */
export function patiently<T>(call: Promise<T>, cluster: ClusterFile): Promise<T> {
  return withTrouble(call, cluster, say);
}

/** Says why a call waits, and that it goes on. */
export function say(trouble: string | null): void {
  console.error(trouble === null ? "there is a quorum again" : `waiting: ${trouble}`);
}
