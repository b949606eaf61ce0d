/**
 * The cluster file as a member reads it. Clients in browsers do not load this: their copy was made by a program.
 * @module
 */
import { type ClusterFile, parseClusterText } from "./cluster_file.ts";
import { jsonFault } from "./codec/json_fault.ts";
import { repeatedName } from "./codec/json_keys.ts";

/**
 * Reads the text of a cluster file, as {@linkcode parseClusterText}. A name may not stand twice in it: somebody who changes the first of two URLs
 * would wonder why nothing changes.
 * @throws {TypeError} that names the field.
 */
export function readClusterText(text: string): ClusterFile {
  const fault = jsonFault(text);
  if (fault !== null) {
    throw new TypeError(
      `cluster: expected a cluster file in JSON, got ${text.length} characters that are not JSON: ${fault}`,
    );
  }
  const cluster = parseClusterText(text);
  const repeated = repeatedName(text);
  if (repeated === null) return cluster;
  throw new TypeError(`cluster.${repeated}: expected one value, got two: the name stands twice in the file`);
}
