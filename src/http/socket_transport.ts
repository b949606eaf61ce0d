/**
 * Votes to other replicas on WebSockets, the rest by POST. A POST costs a replica ten times what it takes to send a vote and to have it
 * answered on a socket that is open. For replicas that stay where they are; functions that come and go have no use for it.
 * @module
 */
import type { Digest, ReplicaId } from "../core/ids.ts";
import type { Transport } from "../node/ports.ts";
import { BUNDLE_OVERHEAD_BYTES, type ClusterFile, encodeBundle } from "../wire/mod.ts";
import { DeliveryError } from "./fetch_transport.ts";
import { MAX_SOCKET_BYTES, OPEN, type PeerSocket } from "./peer_socket.ts";
import { isClients } from "./relay.ts";

/** What the transport needs. */
export interface SocketTransportOptions {
  /** Where the members are. */
  readonly clusterFile: ClusterFile;
  /** The cluster's id. */
  readonly cluster: Digest;
  /** Takes what does not go by a socket, and everything while there is none. */
  readonly post: Transport;
  /** Opens a socket; the host's `WebSocket`, or a stand-in. */
  readonly open?: (url: string) => PeerSocket;
  /** A clock, ms. */
  readonly now?: () => number;
}

/** A peer that took no socket is not asked for one again for so long, ms. */
const RETRY_MS = 5_000;

/** One socket to each peer, opened at the first delivery. */
export class SocketTransport implements Transport {
  readonly #cluster: Digest;
  readonly #post: Transport;
  readonly #links: readonly Link[];

  /** Reads the members' URLs. @throws {TypeError} if a member has none. */
  constructor({ clusterFile, cluster, post, ...options }: SocketTransportOptions) {
    const { open = (url: string) => new WebSocket(url) as PeerSocket, now = () => performance.now() } = options;
    this.#cluster = cluster;
    this.#post = post;
    this.#links = clusterFile.genesis.replicas.map(({ name }) => {
      const url = clusterFile.urls[name];
      if (url === undefined) throw new TypeError(`urls.${name}: expected a URL, got nothing`);
      const socketUrl = new URL("messages", url.endsWith("/") ? url : `${url}/`);
      socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
      return new Link(() => open(socketUrl.href), now);
    });
  }

  /** Resolves once the peer has taken the frames. @throws {DeliveryError} if it has not before `signal` aborts. */
  deliver(to: ReplicaId, frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const link = this.#links[to];
    if (!link) throw new RangeError(`to: expected a replica from 0 to ${this.#links.length - 1}, got ${to}`);
    if (!link.isReady() || !isSmall(frames) || frames.some(isClients)) return this.#post.deliver(to, frames, signal);
    return link.deliver(encodeBundle(this.#cluster, frames), signal);
  }

  /** Closes all sockets; resolves once they are. */
  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }
}

function isSmall(frames: readonly Uint8Array[]): boolean {
  let bytes = BUNDLE_OVERHEAD_BYTES;
  for (const frame of frames) bytes += frame.length + 5;
  return bytes <= MAX_SOCKET_BYTES;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: DeliveryError) => void;
}

/** The socket to one peer. */
class Link {
  readonly #open: () => PeerSocket;
  readonly #now: () => number;
  #socket: PeerSocket | null = null;
  #retryAt = 0;
  #waiting: Waiting | null = null;
  #isClosed = false;
  /** The last socket is closed on both sides. */
  #gone: Promise<void> = Promise.resolve();

  constructor(open: () => PeerSocket, now: () => number) {
    this.#open = open;
    this.#now = now;
  }

  /** Whether a delivery can go by the socket; if there is none, one is opened for later. */
  isReady(): boolean {
    if (this.#socket) return this.#socket.readyState === OPEN && this.#waiting === null;
    if (!this.#isClosed && this.#now() >= this.#retryAt) this.#connect();
    return false;
  }

  deliver(body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    const socket = this.#socket!;
    return new Promise((resolve, reject) => {
      const abort = () => this.#drop(socket, new DeliveryError("no answer in time", 0, { cause: signal.reason }));
      const settle = () => {
        this.#waiting = null;
        signal.removeEventListener("abort", abort);
      };
      this.#waiting = {
        resolve: () => (settle(), resolve()),
        reject: (error) => (settle(), reject(error)),
      };
      signal.addEventListener("abort", abort);
      socket.send(body);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket?.close(1000);
    await this.#gone;
  }

  #connect(): void {
    this.#retryAt = this.#now() + RETRY_MS;
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = this.#open();
    this.#socket = socket;
    this.#gone = promise;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#answered(socket, data);
    socket.onerror = () => {}; // onclose follows
    socket.onclose = () => {
      this.#drop(socket, new DeliveryError("the socket was closed", 0));
      resolve();
    };
  }

  #answered(socket: PeerSocket, data: unknown): void {
    if (socket !== this.#socket) return;
    if (data === "202") this.#waiting?.resolve();
    else this.#waiting?.reject(new DeliveryError(`the peer answered ${data}`.slice(0, 100), Number(data) || 0));
  }

  /** Whatever comes of this socket later is not heard; the next one is opened after a while. */
  #drop(socket: PeerSocket, error: DeliveryError): void {
    if (socket === this.#socket) {
      this.#retryAt = this.#now() + RETRY_MS;
      this.#socket = null;
      this.#waiting?.reject(error);
    }
    if (socket.readyState <= OPEN) socket.close();
  }
}
