/**
 * Frames to other replicas on WebSockets, one way, and by POST whatever does not fit there and whenever there is no socket that delivers. A POST
 * costs a replica ten times what it takes to send a vote on a socket that is open. For replicas that stay where they are; functions that
 * come and go have no use for it.
 * @module
 */
import { type Digest, millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { LinkStatus, Timer, Transport } from "../../node/ports.ts";
import type { Trouble } from "../../node/trouble.ts";
import { BUNDLE_OVERHEAD_BYTES, type ClusterFile, encodeBundle } from "../../wire/mod.ts";
import { DeliveryError } from "./fetch_transport.ts";
import { PeerLink } from "./peer_link.ts";
import { MAX_SOCKET_BYTES, type PeerSocket } from "./peer_socket.ts";

/** What the transport needs. */
export interface SocketTransportOptions {
  /** Where the members are. */
  readonly clusterFile: ClusterFile;
  /** The cluster's id. */
  readonly cluster: Digest;
  /** Takes what does not go by a socket. */
  readonly post: Transport;
  /** The headers that prove to a peer that a member opens the socket. */
  readonly prove: (to: ReplicaId) => Promise<Readonly<Record<string, string>>>;
  /** For what is not acknowledged in time. */
  readonly timer: Timer;
  /** Opens a socket; the host's `WebSocket`, or a stand-in. */
  readonly open?: (url: string, headers: Readonly<Record<string, string>>) => PeerSocket;
  /** Hears when a socket does not deliver. */
  readonly onTrouble?: (trouble: Trouble) => void;
}

/** What a socket had swallowed is POSTed within so long, or not at all, ms. */
const REPEAT_TIMEOUT_MS = 5_000;
/** While the sockets to a peer fail it is told once, and again after so long, ms. */
const REMIND_MS = 600_000;
/** Most frames in one such POST. */
const MAX_FRAMES = 2_048;

/** One socket to each peer, opened at the first delivery. */
export class SocketTransport implements Transport {
  readonly #cluster: Digest;
  readonly #post: Transport;
  readonly #links: readonly PeerLink[];
  readonly #timer: Timer;

  /** Reads the members' URLs. @throws {TypeError} if a member has none. */
  constructor({ clusterFile, cluster, post, prove, timer, ...options }: SocketTransportOptions) {
    const { open = openWebSocket, onTrouble } = options;
    this.#cluster = cluster;
    this.#post = post;
    this.#timer = timer;
    this.#links = clusterFile.genesis.replicas.map(({ name }, index) => {
      const url = clusterFile.urls[name];
      if (url === undefined) throw new TypeError(`urls.${name}: expected a URL, got nothing`);
      const socketUrl = new URL("messages", url.endsWith("/") ? url : `${url}/`);
      socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
      const peer = index as ReplicaId;
      let toldAt = -Infinity;
      return new PeerLink({
        open: async () => open(socketUrl.href, await prove(peer)),
        timer,
        onFailed: (unacknowledged, reason, retryMs) => {
          if (reason !== null && timer.monotonic() - toldAt >= REMIND_MS) {
            toldAt = timer.monotonic();
            onTrouble?.({ kind: "socket-failed", peer, reason, retryMs });
          }
          void this.#repeat(peer, unacknowledged.flat());
        },
      });
    });
  }

  /** Sends frames at once, if there is a socket with room for them; false: they must be {@linkcode deliver}ed. */
  send(to: ReplicaId, frames: readonly Uint8Array[]): boolean {
    const link = this.#linkTo(to);
    if (!isSmall(frames) || link.isBusy || !link.isReady()) return false;
    link.send(frames, encodeBundle(this.#cluster, frames));
    return true;
  }

  /** Resolves once the peer, or a socket to it, has taken the frames. @throws {DeliveryError} if not before `signal` aborts. */
  async deliver(to: ReplicaId, frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const link = this.#linkTo(to);
    if (link.isBusy) throw new DeliveryError("the peer has no room now", 429);
    if (isSmall(frames)) {
      await link.untilRoom();
      if (!signal.aborted && this.send(to, frames)) return;
    }
    await this.#post.deliver(to, frames, signal);
  }

  /** How it is with the socket to a peer. */
  status(to: ReplicaId): LinkStatus {
    const { isOpen, swallowed } = this.#linkTo(to);
    return { isSocketOpen: isOpen, socketFailures: swallowed };
  }

  /** Closes all sockets; resolves once they are. */
  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #linkTo(to: ReplicaId): PeerLink {
    const link = this.#links[to];
    if (!link) throw new RangeError(`to: expected a replica from 0 to ${this.#links.length - 1}, got ${to}`);
    return link;
  }

  /** What may not have arrived goes by POST; what has, the peer drops as a duplicate. */
  async #repeat(to: ReplicaId, frames: readonly Uint8Array[]): Promise<void> {
    const controller = new AbortController();
    const late = () => controller.abort(new DOMException("the delivery took too long", "TimeoutError"));
    const cancel = this.#timer.schedule(millis(this.#timer.now() + REPEAT_TIMEOUT_MS), late);
    try {
      for (let start = 0; start < frames.length; start += MAX_FRAMES) {
        await this.#post.deliver(to, frames.slice(start, start + MAX_FRAMES), controller.signal);
      }
    } catch {
      // The protocol's status messages bring it about again.
    } finally {
      cancel();
    }
  }
}

/** `headers` is what Deno, Node and Bun take beyond the standard. */
function openWebSocket(url: string, headers: Readonly<Record<string, string>>): PeerSocket {
  return new WebSocket(url, { headers } as never) as PeerSocket;
}

function isSmall(frames: readonly Uint8Array[]): boolean {
  let bytes = BUNDLE_OVERHEAD_BYTES;
  for (const frame of frames) bytes += frame.length + 5;
  return bytes <= MAX_SOCKET_BYTES;
}
