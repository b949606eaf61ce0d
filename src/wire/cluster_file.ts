/**
 * The cluster file: a cluster's genesis and the URLs of its replicas. A client or replica needs it to find the cluster.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import { checkObject, checkRecord, checkString, fail } from "./checks.ts";
import { parseGenesis } from "./genesis.ts";

/** The genesis, and one base URL per member. The URLs are not part of the cluster's identity: they may change. */
export interface ClusterFile {
  /** The genesis: members, keys, limits. */
  readonly genesis: Genesis;
  /** The base URL of each member, by its name. */
  readonly urls: Readonly<Record<string, string>>;
  /**
   * Signatures of members under the cluster id, 128 hex digits, by name: who has approved of this genesis. Left out if
   * nobody has signed. They are for people; the protocol does not need them.
   */
  readonly signatures?: Readonly<Record<string, string>>;
}

/**
 * Checks a cluster file that was parsed from JSON.
 * @throws {TypeError} naming the field, the expected value and the value that came.
 */
export function parseClusterFile(json: unknown): ClusterFile {
  const { signatures, ...rest } = checkRecord(json, "cluster");
  const object = checkObject(rest, "cluster", ["genesis", "urls"]);
  const genesis = parseGenesis(object.genesis, "cluster.genesis");
  const given = checkObject(
    checkRecord(object.urls, "cluster.urls"),
    "cluster.urls",
    genesis.replicas.map((member) => member.name),
  );
  // `fromEntries` defines properties, so a member may be named __proto__.
  const urls = Object.fromEntries(
    genesis.replicas.map(({ name }) => [name, parseUrl(given[name], `cluster.urls.${name}`)]),
  );
  const seen = new Map<string, string>();
  for (const [name, url] of Object.entries(urls)) {
    const { href } = new URL(url);
    const other = seen.get(href);
    if (other !== undefined) fail(`cluster.urls.${name}`, `a URL that no other member has (${other} has it)`, url);
    seen.set(href, name);
  }
  return { genesis, urls, ...(signatures !== undefined && { signatures: parseSignatures(signatures, genesis) }) };
}

function parseSignatures(json: unknown, genesis: Genesis): Readonly<Record<string, string>> {
  const field = "cluster.signatures";
  const signatures = Object.entries(checkRecord(json, field)).map(([name, signature]) => {
    if (!genesis.replicas.some((member) => member.name === name)) fail(field, "names of members", name);
    return [name, checkString(signature, `${field}.${name}`, /^[0-9a-f]{128}$/, "128 lower-case hex digits")] as const;
  });
  return Object.fromEntries(signatures);
}

/**
 * Reads a cluster file's text. A byte order mark at its start, which some editors write, is accepted. An error does not repeat text that is
 * not JSON, as the runtime's own error would: somebody may have passed a private key file by mistake.
 * @throws {TypeError} as {@linkcode parseClusterFile} does.
 */
export function parseClusterText(text: string): ClusterFile {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    throw new TypeError(
      `cluster: expected a cluster file in JSON, got ${text.length} characters that are not JSON`,
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
