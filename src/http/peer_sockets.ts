/**
 * `GET /messages` with `Upgrade: websocket`: sockets on which other replicas deliver.
 * @module
 */
import { messagesIn, type MessagesOptions } from "./messages.ts";
import { MAX_SOCKET_BYTES, OPEN, type PeerSocket } from "./peer_socket.ts";
import { Problem } from "./problem.ts";

/** Makes a socket of a request; `Deno.upgradeWebSocket` does. */
export type Upgrade = (request: Request) => { readonly socket: PeerSocket; readonly response: Response };

/** So many at once. Who finds no room can POST. */
const MAX_SOCKETS = 256;

/** Codes of RFC 6455, section 7.4.1. */
const CLOSE = { goingAway: 1001, unsupportedData: 1003, policyViolation: 1008, tooBig: 1009 };

/** The sockets that are open. */
export class PeerSockets {
  readonly #options: MessagesOptions;
  readonly #upgrade: Upgrade;
  readonly #sockets = new Set<PeerSocket>();

  constructor(options: MessagesOptions, upgrade: Upgrade) {
    this.#options = options;
    this.#upgrade = upgrade;
  }

  /** How many are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Takes a socket in. @throws {Problem} if that is not what is asked for, or there is no room. */
  accept(request: Request): Response {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      throw new Problem("method-not-allowed", {
        detail: "/messages takes POST, or GET to open a socket",
        field: "upgrade",
        expected: "websocket",
        got: request.headers.get("upgrade") ?? "none",
        headers: { allow: "POST" },
      });
    }
    // Every browser says which page it is that asks. No rule of CORS holds for sockets, and pages are no members.
    if (request.headers.has("origin")) {
      throw new Problem("not-accepted-here", { detail: "sockets are for members, not for pages", field: "origin" });
    }
    if (this.#sockets.size >= MAX_SOCKETS) {
      throw new Problem("overloaded", { detail: `${MAX_SOCKETS} sockets are open already; POST instead` });
    }
    const { socket, response } = this.#upgrade(request);
    this.#sockets.add(socket);
    socket.binaryType = "arraybuffer";
    let isBusy = false;
    socket.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) return socket.close(CLOSE.unsupportedData, "expected a binary message");
      if (data.byteLength > MAX_SOCKET_BYTES) return socket.close(CLOSE.tooBig, `at most ${MAX_SOCKET_BYTES} bytes`);
      if (isBusy) return socket.close(CLOSE.policyViolation, "one delivery at a time");
      isBusy = true;
      void this.#take(new Uint8Array(data)).then((status) => {
        isBusy = false;
        if (socket.readyState === OPEN) socket.send(String(status));
      });
    };
    socket.onerror = () => {}; // onclose follows
    socket.onclose = () => void this.#sockets.delete(socket);
    return response;
  }

  /** Closes all of them. */
  close(): void {
    for (const socket of this.#sockets) socket.close(CLOSE.goingAway);
  }

  async #take(body: Uint8Array): Promise<number> {
    try {
      return (await messagesIn(body, null, this.#options)).status;
    } catch (error) {
      return error instanceof Problem ? error.toResponse().status : 500;
    }
  }
}
