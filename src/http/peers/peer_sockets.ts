/**
 * `GET /messages` with `Upgrade: websocket`: sockets on which other replicas deliver, once they have proved to be members.
 *
 * A host may buffer a message that is not finished, tens of megabytes of it, before anybody here sees it; so nobody but members gets a socket, and
 * each of them two at most, those that are not gone for good counted.
 * @module
 */
import { millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";
import { MEMBER_HEADER } from "./membership.ts";
import { messagesIn, type MessagesOptions } from "../routes/messages.ts";
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

/** Makes a socket of a request; `Deno.upgradeWebSocket` does. */
export type Upgrade = (request: Request) => { readonly socket: PeerSocket; readonly response: Response };

/** What the sockets need. */
export interface PeerSocketsOptions extends MessagesOptions {
  readonly upgrade: Upgrade;
  readonly timer: Timer;
}

/** Of one member: one that it uses, and one that may not have ended yet. Who finds no room can POST. */
const MAX_SOCKETS_PER_MEMBER = 2;
/** A socket that is not open by then makes room, ms. */
const OPEN_TIMEOUT_MS = 10_000;

/** Codes of RFC 6455, section 7.4.1. */
const CLOSE = { goingAway: 1001, unsupportedData: 1003, policyViolation: 1008, tooBig: 1009 };

/** The sockets that are open. */
export class PeerSockets {
  readonly #options: PeerSocketsOptions;
  readonly #sockets = new Map<PeerSocket, Intake>();

  constructor(options: PeerSocketsOptions) {
    this.#options = options;
  }

  /** How many are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Takes a socket in. `member`: who has proved to send the request. @throws {Problem} if that is not what is asked for, or there is no room. */
  accept(request: Request, member: ReplicaId | null): Response {
    checkUpgrade(request);
    if (member === null) {
      const detail = "sockets are for members, which prove themselves by a fresh code for this replica";
      throw new Problem("wrong-signature", { detail, field: MEMBER_HEADER });
    }
    const held = [...this.#sockets.values()].filter((intake) => intake.member === member).length;
    if (held >= MAX_SOCKETS_PER_MEMBER) {
      throw new Problem("overloaded", { detail: `${held} sockets of this member are open already; POST instead` });
    }
    const { socket, response } = this.#upgraded(request);
    const { timer } = this.#options;
    const intake = new Intake(socket, member, this.#options);
    this.#sockets.set(socket, intake);
    socket.onerror = () => {}; // onclose follows
    socket.onclose = () => this.#forget(socket);
    if (socket.readyState === CONNECTING) {
      intake.cancelOpenTimer = timer.schedule(millis(timer.now() + OPEN_TIMEOUT_MS), () => this.#forget(socket));
    }
    return response;
  }

  /** Closes all of them. */
  close(): void {
    for (const [socket, intake] of this.#sockets) {
      intake.stop();
      socket.close(CLOSE.goingAway);
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

/** What comes on one socket. */
class Intake {
  readonly #socket: PeerSocket;
  readonly #options: PeerSocketsOptions;
  #taken = 0;
  #bytesSinceAck = 0;
  #isBusy = false;
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

  /** Says nothing more. */
  stop(): void {
    this.cancelOpenTimer();
    this.#stopAckTimer();
  }

  #stopAckTimer(): void {
    this.#cancelAck?.();
    this.#cancelAck = null;
  }

  #onMessage(data: unknown): void {
    const socket = this.#socket;
    if (!(data instanceof ArrayBuffer)) return socket.close(CLOSE.unsupportedData, "expected a binary message");
    if (data.byteLength > MAX_SOCKET_BYTES) return socket.close(CLOSE.tooBig, `at most ${MAX_SOCKET_BYTES} bytes`);
    this.#taken++;
    this.#bytesSinceAck += data.byteLength;
    void this.#take(new Uint8Array(data));
    if (this.#bytesSinceAck >= ACK_BYTES) return this.#acknowledge();
    const { timer } = this.#options;
    this.#cancelAck ??= timer.schedule(millis(timer.now() + ACK_DELAY_MS), () => this.#acknowledge());
  }

  async #take(body: Uint8Array): Promise<void> {
    try {
      const { status } = await messagesIn(body, null, this.#options, this.member);
      if (status === 429) this.#isBusy = true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // A member that sends what is no bundle for this cluster has another program than this one.
      this.#socket.close(CLOSE.policyViolation, error.kind);
    }
  }

  #acknowledge(): void {
    this.#stopAckTimer();
    this.#bytesSinceAck = 0;
    if (this.#socket.readyState !== OPEN) return;
    if (this.#isBusy) this.#socket.send(BUSY);
    this.#isBusy = false;
    this.#socket.send(ackOf(this.#taken));
  }
}
