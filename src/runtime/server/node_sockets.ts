/**
 * WebSockets under Node, by `ws`: no Node has the server's side, and Node 20 has no client's either.
 * @module
 */
import { Buffer } from "node:buffer";
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { PeerSocket, Upgrade } from "../../http/mod.ts";
import { MAX_SOCKET_BYTES } from "../../http/peers/peer_socket.ts";
import type { ListenOptions } from "../host/serve.ts";

/** Maximum bytes of a message from the side that only acknowledges. */
const MAX_ACK_BYTES = 1_024;
/** Maximum bytes of the answer to a refused upgrade. */
const MAX_REFUSAL_BYTES = 64 * 1024;
/** A socket that this replica opens must be open by then, ms. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** A socket that the other side does not close is cut after this time, ms. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Headers that ask for an upgrade. */
const UPGRADE_HEADERS = ["connection", "upgrade", "http2-settings"];

/** A request for a WebSocket that is being answered. */
interface Asked {
  readonly incoming: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly sockets: typeof WebSocketServer;
}

const asked = new WeakMap<Request, Asked>();
/** The responses to requests that were upgraded: nothing is sent of them. */
const upgraded = new WeakSet<Response>();

/** Upgrades a request that came through {@linkcode takeUpgrades}. @throws {TypeError} if it can't. */
export const upgradeOnNode: Upgrade = (request) => {
  const { incoming, socket, head, sockets } = asked.get(request) ?? {};
  let opened: PeerSocket | null = null;
  sockets?.handleUpgrade(incoming, socket, head, (open: PeerSocket) => opened = open);
  if (!opened) throw new TypeError("request: expected one for a WebSocket, got another");
  const response = new Response(null);
  upgraded.add(response);
  return { socket: opened, response };
};

/** Opens a socket to another replica. */
export function openOnNode(url: string, headers: Readonly<Record<string, string>>): PeerSocket {
  return new WebSocket(url, {
    headers,
    perMessageDeflate: false,
    maxPayload: MAX_ACK_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    closeTimeout: CLOSE_TIMEOUT_MS,
  });
}

/**
 * Has `handler` answer requests for a WebSocket, which Node keeps apart from all others. Returns a function that cuts
 * all sockets.
 */
export function takeUpgrades(server: Server, handler: ListenOptions["handler"]): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // Unlike Deno's, this server does not buffer a longer message.
    maxPayload: MAX_SOCKET_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
  });
  server.on("upgrade", (incoming, socket, head) => {
    socket.on("error", () => socket.destroy());
    if (incoming.headers.upgrade?.toLowerCase() !== "websocket") return withoutUpgrade(server, incoming, socket, head);
    answer({ incoming, socket, head, sockets }, handler).catch(() => socket.destroy());
  });
  return () => {
    for (const socket of sockets.clients) socket.terminate();
  };
}

async function answer(request: Asked, handler: ListenOptions["handler"]): Promise<void> {
  const { incoming, socket } = request;
  const asking = requestOf(incoming);
  asked.set(asking, request);
  const response = await handler(asking, { incoming });
  if (upgraded.has(response)) return;
  const { status, headers } = response;
  const body = Buffer.from(await response.arrayBuffer()).subarray(0, MAX_REFUSAL_BYTES);
  const lines = [...headers].filter(([name]) => name !== "content-length").map(([name, value]) => `${name}: ${value}`);
  lines.unshift(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`);
  lines.push(`content-length: ${body.length}`, "connection: close", "", "");
  socket.end(Buffer.concat([Buffer.from(lines.join("\r\n")), body]));
  socket.resume();
  setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
}

/** @throws {TypeError} if it makes no request. */
function requestOf(
  { url = "/", method = "GET", headers: { host = "localhost" }, rawHeaders }: IncomingMessage,
): Request {
  if (!url.startsWith("/")) throw new TypeError(`url: expected a path, got ${url}`);
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  return new Request(`http://${host}${url}`, { method, headers });
}

/**
 * Gives a request for another protocol, such as HTTP/2, back to the server without that wish, which a server may
 * ignore (RFC 9110, section 7.8). Some clients ask for HTTP/2 with each first request.
 */
function withoutUpgrade(
  server: Server,
  { method, url, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (!UPGRADE_HEADERS.includes(rawHeaders[at]!.toLowerCase())) {
      lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
    }
  }
  socket.unshift(Buffer.concat([Buffer.from([...lines, "", ""].join("\r\n"), "latin1"), head]));
  server.emit("connection", socket);
}
