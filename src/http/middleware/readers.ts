/**
 * Middleware that decides who may read the state of a replica: `/status`, `/evidence`, `/metrics` and `/events`.
 * @module
 */
import { sha256 } from "../../crypto/mod.ts";
import { type AddressOf, connectionAddress, networkOf } from "./address.ts";
import { isLoopback, parseIpAddress } from "./ip_address.ts";
import type { Middleware } from "./context.ts";
import { Problem } from "../problem.ts";

/**
 * Who may read, beside the replica's own machine and the other members: everybody, or callers that meet one of these
 * conditions.
 */
export type Readers = "everybody" | {
  /** Callers from these addresses; an IPv6 address stands for its /64 network. */
  readonly addresses?: readonly string[];
  /**
   * Callers that send this token as `Authorization: Bearer TOKEN`. At least {@linkcode MIN_TOKEN_CHARACTERS}
   * characters.
   */
  readonly token?: string;
};

/** The routes for readers only. `/healthz` and `/readyz` are open to all: they reveal almost nothing. */
export const READERS_ROUTES: readonly string[] = ["/status", "/evidence", "/metrics", "/events"];

/** Minimum length of a token, so that it cannot be guessed. */
export const MIN_TOKEN_CHARACTERS = 16;

/** Headers that show that a proxy forwarded the request. */
const PROXY_HEADERS = ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "via"];

/**
 * Middleware that answers 403 to callers that may not read. A caller whose address nobody knows counts as the host's
 * own program, unless `isSecret`: then it needs a proof or the token.
 * @throws {TypeError} if an address is invalid or the token is too short. The error does not contain the token.
 */
export function admitReaders(
  readers: Exclude<Readers, "everybody">,
  address?: AddressOf,
  isSecret = false,
): Middleware {
  const networks = new Set(readers.addresses?.map(checkedNetwork));
  const token = readers.token === undefined ? undefined : sha256(encode(checkedToken(readers.token)));
  const isLocal = (request: Request, connection: unknown): boolean => {
    const own = connectionAddress(request, connection);
    const said = address?.(request, connection) ?? own;
    // No known address: the host's own program calls, or the server does not report addresses and no header was
    // configured for them.
    if (said === undefined) return !isSecret;
    const isProxied = !address && PROXY_HEADERS.some((name) => request.headers.has(name));
    return !isProxied && [own ?? said, said].every((from) => isLoopback(parseIpAddress(from) ?? ""));
  };
  return async ({ req, env, var: { caller } }, next) => {
    const isReader = caller?.proof || networks.has(caller?.network ?? "") || isLocal(req.raw, env) ||
      (token !== undefined && sha256(encode(bearer(req.header("authorization")))) === token);
    if (isReader) return await next();
    return new Problem("not-a-reader", {
      detail:
        "allowed are the replica's own machine, the other members, addresses in the option readers (PBFT_READERS, " +
        "--readers), and callers with its token (PBFT_READ_TOKEN, --read-token-file) in the header Authorization: Bearer TOKEN",
      ...(token !== undefined && { headers: { "www-authenticate": "Bearer" } }),
    }).toResponse();
  };
}

function checkedNetwork(address: string): string {
  if (parseIpAddress(address) !== undefined) return networkOf(address);
  throw new TypeError(`readers.addresses: expected IP addresses, got ${JSON.stringify(address)}`);
}

function checkedToken(token: string): string {
  if (token.length >= MIN_TOKEN_CHARACTERS && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new TypeError(
    `readers.token: expected ${MIN_TOKEN_CHARACTERS} or more visible ASCII characters, got ${token.length} characters`,
  );
}

function bearer(header: string | undefined): string {
  return /^Bearer +(\S+)$/i.exec(header ?? "")?.[1] ?? "";
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
