/**
 * Reads which replica a process runs from environment variables, where there are files too.
 * @module
 */
import { readFileSync, statSync } from "node:fs";
import * as environment from "./environment.ts";
import type { ChainVariables, ReplicaIdentity } from "./environment.ts";

/** A longer file is not read, bytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * Reads `PBFT_CLUSTER` (the cluster file as JSON), `PBFT_REPLICA` (the member's name or number), `PBFT_PRIVATE_KEY`, `PBFT_START`, and what
 * {@linkcode chainFromVariables} reads.
 * @throws {TypeError} naming the variable that is missing or wrong. The error never contains the key.
 */
export function replicaFromVariables(get: (name: string) => string | undefined): ReplicaIdentity {
  return environment.replicaFromVariables(get, readText);
}

/**
 * Reads how a replica whose key is no member in the genesis finds its epoch:
 *
 * - `PBFT_JOIN`: URLs of running members to ask for the chain of epochs, separated by spaces or commas.
 * - `PBFT_CHAIN`: the chain as `GET /epochs` gives it and `pbft members chain` prints it, or the path of a file with it: JSON
 *   begins with `{` or `[`.
 *
 * With either of them the key may be a member of later epochs only. Neither needs to be trusted: each link is checked.
 * @throws {TypeError} naming the variable that is wrong.
 */
export function chainFromVariables(get: (name: string) => string | undefined): ChainVariables {
  return environment.chainFromVariables(get, readText);
}

function readText(path: string): string {
  const { size } = statSync(path);
  if (size > MAX_FILE_BYTES) throw new TypeError(`expected a file of at most ${MAX_FILE_BYTES} bytes, got ${size}`);
  return readFileSync(path, "utf8").replace(/^\ufeff/, "");
}
