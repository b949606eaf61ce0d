/**
 * Reads from environment variables which clients a replica serves, and its rate limits.
 * @module
 */
import {
  addressFromHeader,
  type AppOptions,
  isIpAddress,
  MIN_TOKEN_CHARACTERS,
  type RateLimit,
} from "../../http/mod.ts";

/** The variables that {@linkcode policyFromVariables} reads. */
export type PolicyVariable =
  | "PBFT_CLIENTS"
  | "PBFT_CORS_ORIGINS"
  | "PBFT_CLIENT_LIMIT"
  | "PBFT_ADDRESS_LIMIT"
  | "PBFT_ADDRESS_HEADER"
  | "PBFT_READERS"
  | "PBFT_READ_TOKEN"
  | "PBFT_HOSTS"
  | "PBFT_EVENT_PAYLOADS";

/** The part of {@linkcode AppOptions} that variables can set. */
export type Policy = Pick<
  AppOptions,
  "admission" | "corsOrigins" | "clientLimit" | "addressLimit" | "address" | "readers" | "hosts" | "hasEventPayloads"
>;

/**
 * Reads which clients and readers a replica serves. A variable that is not set changes nothing. Lists are separated by spaces or commas.
 *
 * - `PBFT_CLIENTS`: `open`, or the public keys of the clients to serve. With keys, `/req` serves nobody.
 * - `PBFT_CORS_ORIGINS`: the origins whose pages may send requests; `*` for all.
 * - `PBFT_CLIENT_LIMIT`: operations per second of one client, and the burst: `20/100`. The burst of `20` alone is 40.
 * - `PBFT_ADDRESS_LIMIT`: the same for requests from one address.
 * - `PBFT_ADDRESS_HEADER`: the header in which your proxy gives the client's address, `x-forwarded-for` or `forwarded`. If several of your proxies
 *   are in a row, their number follows a slash: `x-forwarded-for/2`.
 * - `PBFT_READERS`: IP addresses that may read `/status`, `/evidence`, `/metrics` and `/events`, in addition to the replica's own machine and the other
 *   members; or `everybody`.
 * - `PBFT_READ_TOKEN`: a secret. A request with it in `Authorization: Bearer ...` may read them too.
 * - `PBFT_HOSTS`: host names of the replica for requests from its own machine and network, in addition to those in the cluster file; `*` for any.
 * - `PBFT_EVENT_PAYLOADS`: `yes`: `/events?messages` shows operations and the names of unsigned clients; `no` (the default): it does not.
 *
 * @throws {TypeError} naming the variable that is wrong.
 */
export function policyFromVariables(get: (name: PolicyVariable) => string | undefined): Policy {
  const read = <T>(name: PolicyVariable, parse: (text: string) => T): T | undefined => {
    const text = get(name)?.trim();
    if (!text) return undefined;
    try {
      return parse(text);
    } catch (error) {
      throw new TypeError(`${name}: ${(error as Error).message}`);
    }
  };
  const policy = {
    admission: read("PBFT_CLIENTS", parseClients),
    corsOrigins: read("PBFT_CORS_ORIGINS", parseOrigins),
    clientLimit: read("PBFT_CLIENT_LIMIT", parseLimit),
    addressLimit: read("PBFT_ADDRESS_LIMIT", parseLimit),
    address: read("PBFT_ADDRESS_HEADER", parseHeader),
    readers: readersOf(read("PBFT_READERS", parseReaders), read("PBFT_READ_TOKEN", parseToken)),
    hosts: read("PBFT_HOSTS", parseHosts),
    hasEventPayloads: read("PBFT_EVENT_PAYLOADS", parseYesNo),
  };
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

function parseClients(text: string): Policy["admission"] {
  if (text === "open") return text;
  const allowlist = listOf(text);
  const wrong = allowlist.find((key) => !/^[0-9a-f]{64}$/.test(key));
  if (wrong === undefined) return { allowlist };
  // The error does not repeat the value: it may be a private key, which looks the same as a public key.
  throw new TypeError(
    `expected open, or public keys of 64 lower-case hex digits, got one of ${wrong.length} characters`,
  );
}

function parseOrigins(text: string): readonly string[] {
  return listOf(text).map((origin) => {
    if (origin === "*" || URL.parse(origin)?.origin === origin) return origin;
    throw new TypeError(`expected origins such as https://app.example, or *, got ${origin}`);
  });
}

/** A rate above this limits nothing. */
const MOST_PER_SECOND = 1e9;

function parseLimit(text: string): RateLimit {
  const [, perSecond, burst] = /^(\d+(?:\.\d+)?)(?:\/(\d+))?$/.exec(text) ?? [];
  if (
    Number(perSecond) > 0 && Number(perSecond) <= MOST_PER_SECOND && Number(burst ?? 1) > 0 &&
    Number(burst ?? 1) <= MOST_PER_SECOND
  ) {
    return { perSecond: Number(perSecond), ...(burst !== undefined && { burst: Number(burst) }) };
  }
  throw new TypeError(`expected a number per second, optionally with a burst, such as 20/100, got ${text}`);
}

function parseHeader(text: string): Policy["address"] {
  const [, name, proxies = "1"] = /^([A-Za-z0-9-]+)(?:\/([1-9]))?$/.exec(text) ?? [];
  if (name !== undefined) return addressFromHeader(name, Number(proxies));
  throw new TypeError(`expected a header's name, such as x-forwarded-for or x-forwarded-for/2, got ${text}`);
}

function readersOf(addresses: "everybody" | readonly string[] | undefined, token?: string): Policy["readers"] {
  if (addresses === "everybody" || (addresses === undefined && token === undefined)) return addresses;
  return { ...(addresses && { addresses }), ...(token !== undefined && { token }) };
}

function parseReaders(text: string): "everybody" | readonly string[] {
  if (text === "everybody") return text;
  const wrong = listOf(text).find((address) => !isIpAddress(address));
  if (wrong === undefined) return listOf(text);
  throw new TypeError(`expected everybody, or IP addresses, got ${wrong}`);
}

function parseToken(text: string): string {
  if (text.length >= MIN_TOKEN_CHARACTERS && /^[\x21-\x7e]+$/.test(text)) return text;
  throw new TypeError(
    `expected at least ${MIN_TOKEN_CHARACTERS} visible ASCII characters, got ${text.length} characters`,
  );
}

function parseYesNo(text: string): boolean {
  if (text === "yes" || text === "no") return text === "yes";
  throw new TypeError(`expected yes or no, got ${text}`);
}

function parseHosts(text: string): readonly string[] {
  return listOf(text).map((host) => {
    if (host === "*" || /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(host)) return host;
    throw new TypeError(`expected host names, without a port, or *, got ${host}`);
  });
}

function listOf(text: string): readonly string[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  if (parts.length === 0) throw new TypeError(`expected a value, got ${text}`);
  return parts;
}
