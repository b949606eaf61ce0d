/**
 * A transport that sends frames to other replicas on WebSockets, and by POST if they are too large or no working socket
 * is open. A POST costs a replica ten times as much as sending a vote on an open socket. It is for long-running
 * replicas; functions that start and stop have no use for it.
 * @module
 */
import { type Digest, millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { LinkStatus, Timer, Transport } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";
import { BUNDLE_OVERHEAD_BYTES, type ClusterFile, encodeBundle } from "../../wire/mod.ts";
import { DeliveryError } from "./fetch_transport.ts";
import { PeerLink } from "./peer_link.ts";
import { MAX_SOCKET_BYTES, type PeerSocket } from "./peer_socket.ts";

/** Options of {@linkcode SocketTransport}. */
export interface SocketTransportOptions {
  /** The cluster file, with the URLs of the members. */
  readonly clusterFile: ClusterFile;
  /** The cluster's id. */
  readonly cluster: Digest;
  /** The transport for frames that do not go on a socket. */
  readonly post: Transport;
  /** Makes the headers that prove to a peer that a member opens the socket. */
  readonly prove: (to: ReplicaId) => Promise<Readonly<Record<string, string>>>;
  /** The clock for timeouts of acknowledgements. */
  readonly timer: Timer;
  /** Opens a socket; by default with the host's `WebSocket`. */
  readonly open?: (url: string, headers: Readonly<Record<string, string>>) => PeerSocket;
  /** Called when a socket fails. */
  readonly onHostEvent?: (event: HostEvent) => void;
}

/** Timeout of the POST that repeats unacknowledged frames, ms. If it fails, they are dropped. */
const REPEAT_TIMEOUT_MS = 5_000;
/** While the sockets to a peer fail, the report is repeated at this interval, ms. */
const REMIND_MS = 600_000;
/** Maximum frames in one such POST. */
const MAX_FRAMES = 2_048;

/** One socket to each peer, opened at the first delivery. */
export class SocketTransport implements Transport {
  readonly #cluster: Digest;
  readonly #post: Transport;
  readonly #links: readonly PeerLink[];
  readonly #timer: Timer;
  /** The last bundle of this turn. */
  #last: { readonly frames: readonly Uint8Array[]; readonly bundle: Uint8Array<ArrayBuffer> } | null = null;

  /** Reads the members' URLs. @throws {TypeError} if a member has none. */
  constructor({ clusterFile, cluster, post, prove, timer, ...options }: SocketTransportOptions) {
    const { open = openWebSocket, onHostEvent } = options;
    this.#cluster = cluster;
    this.#post = post;
    this.#timer = timer;
    this.#links = clusterFile.genesis.replicas.map(({ name }, index) => {
      const url = clusterFile.urls[name];
      if (url === undefined) throw new TypeError(`urls.${name}: expected a URL, got nothing`);
      const socketUrl = new URL("messages", url.endsWith("/") ? url : `${url}/`);
      socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
      const peer = index as ReplicaId;
      let reportedAt = -Infinity;
      return new PeerLink({
        open: async () => open(socketUrl.href, await prove(peer)),
        timer,
        onFailed: (unacknowledged, reason, retryMs) => {
          if (reason !== null && timer.monotonic() - reportedAt >= REMIND_MS) {
            reportedAt = timer.monotonic();
            onHostEvent?.({ kind: "socket-failed", peer, reason, retryMs });
          }
          void this.#repeat(peer, unacknowledged.flat());
        },
      });
    });
  }

  /** Sends frames at once if an open socket can take them; false: call {@linkcode deliver}. */
  send(to: ReplicaId, frames: readonly Uint8Array[]): boolean {
    const link = this.#linkTo(to);
    if (!isSmall(frames) || link.isBusy || !link.isReady()) return false;
    link.send(frames, this.#bundleOf(frames));
    return true;
  }

  /** Most frames go to all peers, in one turn: they are put into one bundle, once. */
  #bundleOf(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    const last = this.#last;
    if (last && last.frames.length === frames.length && frames.every((frame, i) => frame === last.frames[i])) {
      return last.bundle;
    }
    const bundle = encodeBundle(this.#cluster, frames);
    if (last === null) queueMicrotask(() => this.#last = null);
    this.#last = { frames, bundle };
    return bundle;
  }

  /**
   * Resolves once the peer, or a socket to it, has accepted the frames. @throws {DeliveryError} if it has not by the
   * time `signal` aborts.
   */
  async deliver(to: ReplicaId, frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const link = this.#linkTo(to);
    if (link.isBusy) throw new DeliveryError("the peer is busy; retry later", 429);
    // Several deliveries may wait. Those for which the room is gone again wait further.
    while (isSmall(frames) && !signal.aborted) {
      await link.whenWritable();
      if (!signal.aborted && this.send(to, frames)) return;
      if (!link.isOpen || link.isBusy) break;
    }
    await this.#post.deliver(to, frames, signal);
  }

  /** The state of the socket to a peer. */
  status(to: ReplicaId): LinkStatus {
    const { isOpen, silentFailures } = this.#linkTo(to);
    return { isSocketOpen: isOpen, socketFailures: silentFailures };
  }

  /** Closes all sockets. Resolves once they are closed. */
  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #linkTo(to: ReplicaId): PeerLink {
    const link = this.#links[to];
    if (!link) throw new RangeError(`to: expected a replica from 0 to ${this.#links.length - 1}, got ${to}`);
    return link;
  }

  /** Sends frames that may not have arrived again by POST. The peer discards duplicates. */
  async #repeat(to: ReplicaId, frames: readonly Uint8Array[]): Promise<void> {
    const controller = new AbortController();
    const late = () => controller.abort(new DOMException("delivery timed out", "TimeoutError"));
    const cancel = this.#timer.schedule(millis(this.#timer.now() + REPEAT_TIMEOUT_MS), late);
    try {
      for (let start = 0; start < frames.length; start += MAX_FRAMES) {
        await this.#post.deliver(to, frames.slice(start, start + MAX_FRAMES), controller.signal);
      }
    } catch {
      // The protocol's status messages make up for the loss.
    } finally {
      cancel();
    }
  }
}

/** The parameter `headers` is an extension of Deno, Node.js and Bun. */
function openWebSocket(url: string, headers: Readonly<Record<string, string>>): PeerSocket {
  return new WebSocket(url, { headers } as never) as PeerSocket;
}

function isSmall(frames: readonly Uint8Array[]): boolean {
  let bytes = BUNDLE_OVERHEAD_BYTES;
  for (const frame of frames) bytes += frame.length + 5;
  return bytes <= MAX_SOCKET_BYTES;
}
