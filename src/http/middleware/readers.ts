/**
 * Who may read what a replica says of itself: `/status`, `/evidence`, `/metrics` and `/events`.
 * @module
 */
import { sha256 } from "../../crypto/mod.ts";
import { type AddressOf, connectionAddress, networkOf } from "./address.ts";
import { isLoopback, parseIpAddress } from "./ip_address.ts";
import type { Middleware } from "./context.ts";
import { Problem } from "../problem.ts";

/** Who may read beside the replica's own machine and the other members: everybody, or whom one of these lets. */
export type Readers = "everybody" | {
  /** From these addresses; of an IPv6 address the network of 64 bits. */
  readonly addresses?: readonly string[];
  /** Who sends this as `Authorization: Bearer TOKEN`. At least {@linkcode MIN_TOKEN_CHARACTERS} characters. */
  readonly token?: string;
};

/** The routes that only readers get. `/healthz` and `/readyz` say too little to be kept. */
export const READERS_ROUTES: readonly string[] = ["/status", "/evidence", "/metrics", "/events"];

/** The shortest token: one that nobody guesses. */
export const MIN_TOKEN_CHARACTERS = 16;

/** Headers by which a proxy says that it is not itself who asks. */
const PROXY_HEADERS = ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "via"];

/**
 * Middleware that answers 403 to who may not read.
 * @throws {TypeError} if an address is none, or the token is too short; the error does not repeat it.
 */
export function admitReaders(readers: Exclude<Readers, "everybody">, address?: AddressOf): Middleware {
  const networks = new Set(readers.addresses?.map(checkedNetwork));
  const token = readers.token === undefined ? undefined : sha256(encode(checkedToken(readers.token)));
  const isLocal = (request: Request, connection: unknown): boolean => {
    const own = connectionAddress(request, connection);
    const said = address?.(request, connection) ?? own;
    // Nothing is between us: the host's own program asks, or a server that tells no address and named no header for it.
    if (said === undefined) return true;
    const isProxied = !address && PROXY_HEADERS.some((name) => request.headers.has(name));
    return !isProxied && [own ?? said, said].every((from) => isLoopback(parseIpAddress(from) ?? ""));
  };
  return async ({ req, env, var: { caller } }, next) => {
    const isReader = caller?.proof || networks.has(caller?.network ?? "") || isLocal(req.raw, env) ||
      (token !== undefined && sha256(encode(bearer(req.header("authorization")))) === token);
    if (isReader) return await next();
    return new Problem("not-a-reader", {
      detail:
        "this is read from the replica's own machine, by the other members, from addresses that the option readers names (PBFT_READERS, " +
        "--readers), or with its token (PBFT_READ_TOKEN, --read-token-file) as Authorization: Bearer TOKEN",
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
