/**
 * Reads which replica a process runs from environment variables, for hosts without files, such as Deno Deploy and Cloudflare.
 * @module
 */
import { type ReplicaId, replicaId } from "../../core/messages/ids.ts";
import { importKeyPair } from "../../crypto/mod.ts";
import { placeIn } from "../../node/epochs/place.ts";
import { parseStart, type Start } from "../../node/storage/start.ts";
import { parseChainText } from "../../wire/epochs/mod.ts";
import { type ClusterFile, readClusterText } from "../../wire/mod.ts";

/** How a replica whose key is no member in the genesis finds the epoch in which it is one. */
export interface ChainVariables {
  /** Links of the chain of epochs, from epoch 0 on; `undefined` if the key must be a member in the genesis. */
  readonly chain?: readonly Uint8Array[] | undefined;
  /** URLs of running members to ask for the chain, beside those that the cluster file names. */
  readonly join?: readonly string[] | undefined;
}

/** A replica's cluster, its place in it, and its key. */
export interface ReplicaIdentity extends ChainVariables {
  /** The genesis and the URLs of the members. */
  readonly cluster: ClusterFile;
  /** The member's number in the genesis; its name, if its key is a member of later epochs only. */
  readonly self: ReplicaId | string;
  /** The member's Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** The state of its store at the start. Default `resume`. */
  readonly start?: Start | undefined;
}

/** The form of a member's name. */
const NAME = /^[A-Za-z0-9_-]{1,32}$/;

/**
 * Reads `PBFT_CLUSTER` (the cluster file as JSON), `PBFT_REPLICA` (the member's name or number), `PBFT_PRIVATE_KEY`, `PBFT_START`, and what
 * {@linkcode chainFromVariables} reads. `readText` reads files, where there are files.
 * @throws {TypeError} naming the variable that is missing or wrong. The error never contains the key.
 */
export function replicaFromVariables(
  get: (name: string) => string | undefined,
  readText?: (path: string) => string,
): ReplicaIdentity {
  const required = (name: string) => {
    const value = get(name)?.trim();
    if (value) return value;
    throw new TypeError(`${name}: expected a value, got nothing; the command \`init\` makes a cluster file and keys`);
  };
  const cluster = parseCluster(required("PBFT_CLUSTER"));
  const privateKey = required("PBFT_PRIVATE_KEY");
  if (!/^[0-9a-f]{64}$/.test(privateKey)) {
    throw new TypeError("PBFT_PRIVATE_KEY: expected 64 lower-case hex digits, got something else");
  }
  const chained = chainFromVariables(get, readText);
  const given = required("PBFT_REPLICA");
  const isLater = chained.chain !== undefined && nameInGenesis(cluster, privateKey) === null;
  if (isLater && !NAME.test(given)) {
    throw new TypeError(`PBFT_REPLICA: expected a name of 1 to 32 letters, digits, _ and -, got ${given.slice(0, 64)}`);
  }
  const self = isLater ? given : memberId(cluster, given, "PBFT_REPLICA");
  return { cluster, self, privateKey, start: startFromVariables(get), ...chained };
}

/**
 * Reads how a replica whose key is no member in the genesis finds its epoch:
 *
 * - `PBFT_JOIN`: URLs of running members to ask for the chain of epochs, separated by spaces or commas.
 * - `PBFT_CHAIN`: the chain as `GET /epochs` gives it and `pbft members chain` prints it, if there is room for it; where
 *   `readText` reads files, also the path of a file with it. JSON begins with `{` or `[`.
 *
 * With either of them the key may be a member of later epochs only. Neither needs to be trusted: each link is checked.
 * @throws {TypeError} naming the variable that is wrong.
 */
export function chainFromVariables(
  get: (name: string) => string | undefined,
  readText?: (path: string) => string,
): ChainVariables {
  const [text, urls] = [get("PBFT_CHAIN")?.trim(), get("PBFT_JOIN")?.trim()];
  if (!text && !urls) return {};
  return { chain: text ? linksIn(text, readText) : [], ...(urls && { join: urlsIn(urls) }) };
}

function linksIn(given: string, readText?: (path: string) => string): readonly Uint8Array[] {
  try {
    return parseChainText(readText && !/^[{[]/.test(given) ? textAt(given, readText) : given);
  } catch (error) {
    throw new TypeError(`PBFT_CHAIN: ${(error as Error).message}`);
  }
}

/** The text of a file. The error does not repeat what was given: it may be a key that was put into the wrong variable. */
function textAt(path: string, readText: (path: string) => string): string {
  try {
    return readText(path);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    const { code = "an error" } = error as { readonly code?: string };
    throw new TypeError(`expected the chain as JSON, or a file with it, got ${path.length} characters: ${code}`);
  }
}

function urlsIn(text: string): readonly string[] {
  const urls = text.split(/[\s,]+/).filter((url) => url !== "");
  for (const url of urls) checkUrl(url, "PBFT_JOIN");
  return urls;
}

/** @throws {TypeError} naming `field`, if it is no URL of a member. */
export function checkUrl(url: string, field: string): void {
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return;
  throw new TypeError(`${field}: expected URLs of running members, such as https://apple.example, got ${url}`);
}

/**
 * Reads `PBFT_START`: `new`, `resume` or `recover`. The older `PBFT_LOST_DISK=1` means `recover`.
 * @throws {TypeError} if `PBFT_START` has another value.
 */
export function startFromVariables(get: (name: string) => string | undefined): Start | undefined {
  const text = get("PBFT_START")?.trim();
  if (text) return parseStart(text, "PBFT_START");
  return get("PBFT_LOST_DISK") === "1" ? "recover" : undefined;
}

/**
 * A member's number, from its name or its number. A number may be given in digits, unless a member has these digits as its name.
 * @throws {TypeError} naming `field`, if there is no such member.
 */
export function memberId({ genesis }: ClusterFile, self: string | ReplicaId, field = "self"): ReplicaId {
  const names = genesis.replicas.map(({ name }) => name);
  const named = names.indexOf(self as string);
  const index = named < 0 && (typeof self === "number" || /^\d{1,6}$/.test(self)) ? Number(self) : named;
  if (names[index] !== undefined) return replicaId(index);
  throw new TypeError(`${field}: expected one of ${names.join(", ")} or its number, got ${JSON.stringify(self)}`);
}

/** The name that the genesis gives to the member with this key; `null` if there is none. */
export function nameInGenesis({ genesis }: ClusterFile, privateKey: string): string | null {
  const place = placeIn({ genesis }, importKeyPair(privateKey).publicKey);
  return place && genesis.replicas[place.self]!.name;
}

/** So much of a public key is in the name of its store, to tell it from that of the member's former key. */
export function storeTag(publicKey: string): string {
  return publicKey.slice(0, 16);
}

/**
 * Under which name a host that has one database for several stores keeps that of this replica: a member of the genesis
 * under its name, and every later key under a name of its own, as a store belongs to one key.
 */
export function storeName({ cluster, self, privateKey }: ReplicaIdentity): string {
  const known = nameInGenesis(cluster, privateKey);
  if (known !== null) return known;
  return `${displayName({ cluster, self })}-${storeTag(importKeyPair(privateKey).publicKey)}`;
}

/** The name of a replica in its log. */
export function displayName({ cluster: { genesis }, self }: Pick<ReplicaIdentity, "cluster" | "self">): string {
  return genesis.replicas[self as ReplicaId]?.name ?? String(self);
}

function parseCluster(json: string): ClusterFile {
  try {
    return readClusterText(json);
  } catch (error) {
    throw new TypeError(`PBFT_CLUSTER: ${(error as Error).message}`);
  }
}
