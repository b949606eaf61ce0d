/**
 * Whom a replica serves, and how much, as its environment says.
 * @module
 */
import { addressFromHeader, type AppOptions, type RateLimit } from "../http/mod.ts";

/** The variables that {@linkcode policyFromVariables} reads. */
export type PolicyVariable =
  | "PBFT_CLIENTS"
  | "PBFT_CORS_ORIGINS"
  | "PBFT_CLIENT_LIMIT"
  | "PBFT_ADDRESS_LIMIT"
  | "PBFT_ADDRESS_HEADER";

/** The part of {@linkcode AppOptions} that variables may say. */
export type Policy = Pick<AppOptions, "admission" | "corsOrigins" | "clientLimit" | "addressLimit" | "address">;

/**
 * Reads whom a replica serves; a variable that is not there changes nothing:
 *
 * - `PBFT_CLIENTS`: `open`, or the public keys of the clients that are served, with spaces or commas between them; then `/req` serves nobody.
 * - `PBFT_CORS_ORIGINS`: the origins whose pages may ask, likewise; `*` for all.
 * - `PBFT_CLIENT_LIMIT`: operations per second of one client, and how many at once: `20/100`, or `20` for twice as many.
 * - `PBFT_ADDRESS_LIMIT`: likewise, requests from one address.
 * - `PBFT_ADDRESS_HEADER`: the header in which a proxy says the address, `x-forwarded-for`; behind two proxies `x-forwarded-for/2`.
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
  };
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

function parseClients(text: string): Policy["admission"] {
  if (text === "open") return text;
  const allowlist = listOf(text);
  const wrong = allowlist.find((key) => !/^[0-9a-f]{64}$/.test(key));
  if (wrong === undefined) return { allowlist };
  // Not the value: a private key looks the same, and somebody may have mistaken one for the other.
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

function parseLimit(text: string): RateLimit {
  const [, perSecond, burst] = /^(\d+(?:\.\d+)?)(?:\/(\d+))?$/.exec(text) ?? [];
  if (Number(perSecond) > 0 && burst !== "0") {
    return { perSecond: Number(perSecond), ...(burst !== undefined && { burst: Number(burst) }) };
  }
  throw new TypeError(`expected a number per second, and perhaps how many at once, such as 20/100, got ${text}`);
}

function parseHeader(text: string): Policy["address"] {
  const [, name, proxies = "1"] = /^([A-Za-z0-9-]+)(?:\/([1-9]))?$/.exec(text) ?? [];
  if (name !== undefined) return addressFromHeader(name, Number(proxies));
  throw new TypeError(`expected a header's name, such as x-forwarded-for or x-forwarded-for/2, got ${text}`);
}

function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}
