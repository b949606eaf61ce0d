/**
 * `GET /messages` with `Upgrade: websocket`: the server side of the sockets on which other members deliver messages.
 *
 * A host may buffer tens of megabytes of an unfinished message before this code sees it. So only members may open
 * sockets, at most two each; a socket that is not completely closed still counts.
 * @module
 */
import { GrowingPauses } from "../connections/growing_pauses.ts";
import { millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";
import type { MemberConduct } from "./conduct.ts";
import { MEMBER_HEADER } from "./membership.ts";
import type { Rejection } from "../../node/ports.ts";
import { framesOf } from "../routes/messages.ts";
import type { HostedNode } from "../hosted_node.ts";
import {
  ACK_BYTES,
  ACK_DELAY_MS,
  ackOf,
  BUSY,
  CONNECTING,
  MAX_SOCKET_BYTES,
  OPEN,
  type PeerSocket,
} from "./peer_socket.ts";
import { Problem } from "../problem.ts";
import { checkUpgrade, notUpgraded } from "./upgrade.ts";

/** Upgrades a request to a WebSocket, as `Deno.upgradeWebSocket` does. */
export type Upgrade = (request: Request) => { readonly socket: PeerSocket; readonly response: Response };

/** Options of {@linkcode PeerSockets}. */
export interface PeerSocketsOptions {
  readonly node: HostedNode;
  readonly upgrade: Upgrade;
  readonly timer: Timer;
  /** Counts the faults of members. A distrusted one has no sockets. */
  readonly conduct: MemberConduct;
}

/** Maximum sockets of one member: one in use, and one that may not be closed yet. A member can always POST instead. */
const MAX_SOCKETS_PER_MEMBER = 2;
/**
 * How long messages may be left undecoded after one for which there was no room, ms. A sender that is told `busy` waits
 * as long.
 */
const UNREAD_MS = 1_000;
/** A socket that is not open after this time no longer counts, ms. */
const OPEN_TIMEOUT_MS = 10_000;

/**
 * For so long a member opens no socket after one on which it finished no message and gave no sign of life, ms. A member that was only away for a
 * moment delivers by POST meanwhile.
 */
const SILENT_MS = { least: 10_000, most: 3_600_000 };
/** The message of Deno's event. */
const NO_SIGN_OF_LIFE = /no response from ping/i;

/** Close codes of RFC 6455, section 7.4.1. */
const CLOSE = { goingAway: 1001, unsupportedData: 1003, policyViolation: 1008, tooBig: 1009 };

/** The open sockets. */
export class PeerSockets {
  readonly #options: PeerSocketsOptions;
  readonly #sockets = new Map<PeerSocket, SocketReceiver>();
  /** Members that open none, because they were silent. */
  readonly #silent: GrowingPauses<ReplicaId>;

  constructor(options: PeerSocketsOptions) {
    this.#options = options;
    this.#silent = new GrowingPauses(options.timer, SILENT_MS);
    options.conduct.onDistrusted((member) => this.#bar(member));
  }

  /** Number of open sockets. */
  get size(): number {
    return this.#sockets.size;
  }

  /**
   * Accepts a socket. `member`: the authenticated sender of the request; null if it has not proved itself.
   * @throws {Problem} if the request is not a valid upgrade, its sender is not a member, or the member has too many
   * sockets.
   */
  accept(request: Request, member: ReplicaId | null): Response {
    checkUpgrade(request);
    if (member === null) {
      const detail =
        `only members may open sockets: expected a valid, unused ${MEMBER_HEADER} header; check that both hosts have the same cluster file`;
      throw new Problem("wrong-signature", { detail, field: MEMBER_HEADER });
    }
    const leftMs = this.#options.conduct.distrustMs(member);
    if (leftMs > 0) {
      const seconds = Math.ceil(leftMs / 1_000);
      throw new Problem("overloaded", {
        detail:
          `this member delivered many faulty frames, or flooded a socket; use POST /messages, or try in ${seconds} s`,
        headers: { "retry-after": String(seconds) },
      });
    }
    const silentMs = this.#silent.leftMs(member);
    if (silentMs > 0) {
      const seconds = Math.ceil(silentMs / 1_000);
      throw new Problem("overloaded", {
        detail:
          `this member finished no message on a socket, and answered no ping; use POST /messages, or try in ${seconds} s`,
        headers: { "retry-after": String(seconds) },
      });
    }
    const held = [...this.#sockets.values()].filter((receiver) => receiver.member === member).length;
    if (held >= MAX_SOCKETS_PER_MEMBER) {
      throw new Problem("overloaded", {
        detail: `this member has ${held} open sockets, the maximum; use POST /messages`,
      });
    }
    const { socket, response } = this.#upgraded(request);
    const { timer } = this.#options;
    const receiver = new SocketReceiver(socket, member, this.#options);
    this.#sockets.set(socket, receiver);
    // onclose follows
    socket.onerror = ({ message = "" }: { readonly message?: string }) => {
      if (NO_SIGN_OF_LIFE.test(message)) this.#silent.begin(member);
    };
    socket.onclose = () => this.#forget(socket);
    if (socket.readyState === CONNECTING) {
      receiver.cancelOpenTimer = timer.schedule(millis(timer.now() + OPEN_TIMEOUT_MS), () => this.#forget(socket));
    }
    return response;
  }

  /** Closes all sockets. */
  close(): void {
    for (const [socket, receiver] of this.#sockets) {
      receiver.stop();
      socket.close(CLOSE.goingAway);
    }
  }

  /** Closes the sockets of a member that is distrusted. */
  #bar(member: ReplicaId): void {
    for (const [socket, receiver] of this.#sockets) {
      if (receiver.member !== member) continue;
      receiver.deafen();
      socket.close(CLOSE.policyViolation, "too many refused frames");
    }
  }

  #upgraded(request: Request): ReturnType<Upgrade> {
    try {
      return this.#options.upgrade(request);
    } catch {
      throw notUpgraded();
    }
  }

  #forget(socket: PeerSocket): void {
    this.#sockets.get(socket)?.stop();
    this.#sockets.delete(socket);
  }
}

/** Receives the messages of one socket. */
class SocketReceiver {
  readonly #socket: PeerSocket;
  readonly #options: PeerSocketsOptions;
  #lastFault: Rejection | null = null;
  #isDeaf = false;
  #taken = 0;
  #bytesSinceAck = 0;
  #isBusy = false;
  #unreadUntil = 0;
  /** Whether there was no room for the message that is being taken. */
  #isRefused = false;
  #cancelAck: (() => void) | null = null;
  cancelOpenTimer: () => void = () => {};

  constructor(socket: PeerSocket, readonly member: ReplicaId, options: PeerSocketsOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#onMessage(data);
    if (socket.readyState === OPEN) this.#acknowledge();
    else {
      socket.onopen = () => {
        this.cancelOpenTimer();
        this.#acknowledge();
      };
    }
  }

  /** Sends nothing more. */
  stop(): void {
    this.cancelOpenTimer();
    this.#stopAckTimer();
  }

  /** Drops undecoded what still arrives. */
  deafen(): void {
    this.#isDeaf = true;
    this.stop();
  }

  #stopAckTimer(): void {
    this.#cancelAck?.();
    this.#cancelAck = null;
  }

  #onMessage(data: unknown): void {
    const socket = this.#socket;
    if (this.#isDeaf) return;
    if (!(data instanceof ArrayBuffer)) {
      return socket.close(CLOSE.unsupportedData, "expected a binary message, got text");
    }
    if (data.byteLength > MAX_SOCKET_BYTES) {
      return socket.close(CLOSE.tooBig, `expected at most ${MAX_SOCKET_BYTES} bytes`);
    }
    this.#taken++;
    this.#bytesSinceAck += data.byteLength;
    const { conduct, node, timer } = this.#options;
    // Where there was no room, and the sender has used up what it may cost, nothing is decoded for a while.
    const isUnread = timer.monotonic() < this.#unreadUntil && (node.restMs?.(this.member) ?? 0) > 0;
    this.#isRefused = isUnread;
    if (!isUnread) this.#take(new Uint8Array(data));
    if (this.#isRefused) {
      if (!isUnread) this.#unreadUntil = timer.monotonic() + UNREAD_MS;
      this.#isBusy = true;
      conduct.onRefused(this.member, isUnread ? data.byteLength : null);
    }
    if (this.#isDeaf) return;
    if (!isUnread && this.#bytesSinceAck >= ACK_BYTES) return this.#acknowledge();
    this.#cancelAck ??= timer.schedule(millis(timer.now() + ACK_DELAY_MS), () => this.#acknowledge());
  }

  #take(body: Uint8Array): void {
    const { node } = this.#options;
    try {
      node.stream(framesOf(body, node, this.member), this.member, this.#onAnswer);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#options.conduct.onFault(this.member);
      // The member sends something that is not a bundle for this cluster: it runs another program.
      this.#socket.close(CLOSE.policyViolation, error.kind);
    }
  }

  readonly #onAnswer = (rejection: Rejection | null): void => {
    if (rejection === null || rejection.reason === "unavailable") return;
    const { conduct } = this.#options;
    if (rejection.reason === "overloaded") this.#isBusy = this.#isRefused = true;
    else if (rejection !== this.#lastFault) {
      // The rest of a bundle, refused unread, has the same rejection.
      this.#lastFault = rejection;
      conduct.onFault(this.member);
    }
  };

  #acknowledge(): void {
    this.#stopAckTimer();
    this.#bytesSinceAck = 0;
    if (this.#socket.readyState !== OPEN) return;
    if (this.#isBusy) this.#socket.send(BUSY);
    this.#isBusy = false;
    this.#socket.send(ackOf(this.#taken));
  }
}
