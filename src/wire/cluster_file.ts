/**
 * What a client or replica is given to find the cluster: its genesis and where the replicas are.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import { checkObject, checkRecord, fail } from "./checks.ts";
import { parseGenesisAt } from "./genesis.ts";

/** The genesis, and a base URL per member name. URLs are no part of the cluster's identity. */
export interface ClusterFile {
  /** What the cluster is. */
  readonly genesis: Genesis;
  /** Where each member is, by name. */
  readonly urls: Readonly<Record<string, string>>;
}

/**
 * Checks a cluster file that came as JSON.
 * @throws {TypeError} naming the field, what was expected and what came.
 */
export function parseClusterFile(json: unknown): ClusterFile {
  const object = checkObject(json, "cluster", ["genesis", "urls"]);
  const genesis = parseGenesisAt(object.genesis, "cluster.genesis");
  const given = checkObject(
    checkRecord(object.urls, "cluster.urls"),
    "cluster.urls",
    genesis.replicas.map((member) => member.name),
  );
  // fromEntries defines properties, so that a member may be called __proto__.
  const urls = Object.fromEntries(
    genesis.replicas.map(({ name }) => [name, parseUrl(given[name], `cluster.urls.${name}`)]),
  );
  const seen = new Map<string, string>();
  for (const [name, url] of Object.entries(urls)) {
    const { href } = new URL(url);
    const other = seen.get(href);
    if (other !== undefined) fail(`cluster.urls.${name}`, `another URL than ${other}'s`, url);
    seen.set(href, name);
  }
  return { genesis, urls };
}

/**
 * Reads a cluster file's text; a byte order mark before it, as some editors write, is fine. What is no JSON is not repeated, as the runtime's own words would: it may be a key that was taken for the file.
 * @throws {TypeError} as {@linkcode parseClusterFile}.
 */
export function parseClusterText(text: string): ClusterFile {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    throw new TypeError(
      `cluster: expected a cluster file, which is JSON, got ${text.length} characters of something else`,
    );
  }
  return parseClusterFile(json);
}

function parseUrl(value: unknown, field: string): string {
  const expected = "an http: or https: URL without user, query or fragment";
  if (typeof value !== "string" || !URL.canParse(value)) fail(field, expected, value);
  const { protocol, username, password, search, hash } = new URL(value);
  const isPlain = username === "" && password === "" && search === "" && hash === "";
  if ((protocol !== "http:" && protocol !== "https:") || !isPlain) fail(field, expected, value);
  return value;
}
