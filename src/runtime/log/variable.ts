/**
 * The log of a replica that is configured by environment variables.
 * @module
 */
import { Log, type LogOptions } from "./log.ts";
import { displayName, type ReplicaIdentity } from "../identity/environment.ts";

/**
 * Reads `PBFT_LOG`: `text` (the default), `json`, or `none`.
 * @throws {TypeError} if it has another value.
 */
export function logFromVariable(
  get: (name: "PBFT_LOG") => string | undefined,
  { cluster, self, privateKey }: ReplicaIdentity,
  timer: LogOptions["timer"],
): Log | null {
  const format = get("PBFT_LOG")?.trim() || "text";
  if (format === "none") return null;
  if (format !== "text" && format !== "json") {
    throw new TypeError(`PBFT_LOG: expected text, json or none, got ${JSON.stringify(format)}`);
  }
  const members = cluster.genesis.replicas.map(({ name }) => name);
  return new Log({ name: displayName({ cluster, self }), members, format, secrets: [privateKey], timer });
}
