/**
 * The socket to one peer, from this side.
 *
 * Nothing is sent before the peer has greeted: a proxy that opens sockets and lets nothing through costs nobody a message. What was sent and
 * not acknowledged is kept, in bounds. A socket that acknowledges nothing for {@linkcode ACK_TIMEOUT} swallows what it takes (a peer that
 * hangs, a connection that was cut without a word): it has failed, as one that is closed has. What it had not acknowledged is given
 * back, to be sent in another way, and no socket is tried for a while, each time twice as long.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import { Backoff } from "../../node/async/backoff.ts";
import type { Timer } from "../../node/ports.ts";
import { BUSY, OPEN, type PeerSocket, readAck } from "./peer_socket.ts";

/** What a link is made of. */
export interface PeerLinkOptions {
  /** Opens a socket, or rejects. */
  readonly open: () => Promise<PeerSocket>;
  readonly timer: Timer;
  /** What the socket had not acknowledged when it failed, oldest first; `reason`: it swallowed it, `null`: it was closed. */
  readonly onFailed: (
    unacknowledged: readonly (readonly Uint8Array[])[],
    reason: string | null,
    retryMs: number,
  ) => void;
}

/**
 * A socket that acknowledges nothing for so long does not deliver, ms: at least the first, so that it is found out before anybody gives up the primary;
 * more where acknowledgements take longer, as across an ocean or on a busy host; the second at most.
 */
export const ACK_TIMEOUT = { minMs: 300, maxMs: 900 };
/** The timeout is so many times what acknowledgements have taken lately. */
const ACK_PATIENCE = 3;
/** Of what the slowest one took, so much is remembered with each that is faster. */
const ACK_MEMORY = 0.98;
/** A socket on which the peer has not greeted after so long is none, ms. */
const OPEN_TIMEOUT_MS = 5_000;
/** How late a timer of ours may be before we take it that we, and not the peer, were held up, ms. */
const MAX_LATENESS_MS = 100;
/** What may be under way without an acknowledgement. */
const MAX_UNACKNOWLEDGED = { messages: 4_096, bytes: 1024 * 1024 };
/** Between two sockets, ms; from the first failure on. */
const RETRY = { minMs: 1_000, maxMs: 60_000 };
/** A socket that delivered for so long was a good one: its failure counts as the first, ms. */
const GOOD_AFTER_MS = 30_000;
/** A peer that was busy is left alone for so long, ms. */
const BUSY_MS = 100;

interface UnderWay {
  readonly frames: readonly Uint8Array[];
  readonly bytes: number;
}

/** The socket to one peer, opened when it is first wanted. */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #backoff = new Backoff(Math.random, RETRY);
  #socket: PeerSocket | null = null;
  #isOpening = false;
  /** The peer has greeted: what is sent arrives. */
  #isProven = false;
  #openedAt = 0;
  #retryAt = -Infinity;
  #busyUntil = -Infinity;
  #underWay: UnderWay[] = [];
  #underWayBytes = 0;
  #sent = 0;
  /** Since when the oldest message waits for an acknowledgement, or for the next one. */
  #waitingSince = 0;
  /** What the slowest acknowledgement took of late, ms. */
  #slowestAckMs = 0;
  #cancelAckTimer: (() => void) | null = null;
  #cancelOpenTimer: () => void = () => {};
  #whenRoom: (() => void)[] = [];
  #swallowed = 0;
  #isClosed = false;
  /** The last socket is closed on both sides. */
  #gone: Promise<void> = Promise.resolve();

  constructor(options: PeerLinkOptions) {
    this.#options = options;
  }

  /** Whether there is a socket that can be used. */
  get isOpen(): boolean {
    return this.#isProven && this.#socket?.readyState === OPEN;
  }

  /** How often a socket has swallowed what was sent. */
  get swallowed(): number {
    return this.#swallowed;
  }

  /** Whether the peer had no room just now. */
  get isBusy(): boolean {
    return this.#options.timer.monotonic() < this.#busyUntil;
  }

  /** Whether something can be sent now. If there is no socket, one is opened for later. */
  isReady(): boolean {
    if (this.#socket) return this.isOpen && this.#hasRoom;
    if (!this.#isOpening && !this.#isClosed && this.#options.timer.monotonic() >= this.#retryAt) void this.#open();
    return false;
  }

  /** Sends a bundle of frames; {@linkcode isReady} must hold. */
  send(frames: readonly Uint8Array[], bundle: Uint8Array<ArrayBuffer>): void {
    this.#underWay.push({ frames, bytes: bundle.length });
    this.#underWayBytes += bundle.length;
    this.#sent++;
    this.#socket!.send(bundle);
    if (!this.#cancelAckTimer) this.#awaitAck();
  }

  /** Resolves once there is room for more, or no socket. */
  untilRoom(): Promise<void> {
    if (!this.isOpen || this.#hasRoom) return Promise.resolve();
    return new Promise((resolve) => this.#whenRoom.push(resolve));
  }

  /** Closes the socket; resolves once it is. Nothing is opened any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket?.close(1000);
    await this.#gone;
  }

  get #hasRoom(): boolean {
    const { messages, bytes } = MAX_UNACKNOWLEDGED;
    return this.#underWay.length < messages && this.#underWayBytes < bytes;
  }

  async #open(): Promise<void> {
    this.#isOpening = true;
    try {
      const socket = await this.#options.open();
      if (this.#isClosed) socket.close(1000);
      else this.#use(socket);
    } catch {
      this.#retryLater();
    } finally {
      this.#isOpening = false;
    }
  }

  #use(socket: PeerSocket): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { timer } = this.#options;
    this.#socket = socket;
    this.#gone = promise;
    this.#openedAt = timer.monotonic();
    this.#sent = 0;
    this.#isProven = false;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#onMessage(socket, data);
    socket.onerror = () => {}; // onclose follows
    socket.onclose = () => {
      this.#drop(socket, null);
      resolve();
    };
    this.#cancelOpenTimer = after(timer, OPEN_TIMEOUT_MS, () => {
      this.#drop(socket, `it is open, but nothing came on it for ${OPEN_TIMEOUT_MS} ms`);
    });
  }

  #onMessage(socket: PeerSocket, data: unknown): void {
    if (socket !== this.#socket) return;
    if (data === BUSY) this.#busyUntil = this.#options.timer.monotonic() + BUSY_MS;
    const count = readAck(data);
    if (count === null) return;
    this.#cancelOpenTimer();
    this.#isProven = true;
    const left = this.#sent - count;
    if (left < 0 || left > this.#underWay.length) {
      return this.#drop(socket, `it acknowledged ${count} of ${this.#sent}`);
    }
    for (const { bytes } of this.#underWay.splice(0, this.#underWay.length - left)) this.#underWayBytes -= bytes;
    if (this.#cancelAckTimer) {
      const tookMs = this.#options.timer.monotonic() - this.#waitingSince;
      this.#slowestAckMs = Math.max(tookMs, ACK_MEMORY * this.#slowestAckMs);
    }
    this.#cancelAckTimer?.();
    this.#cancelAckTimer = null;
    if (left > 0) this.#awaitAck();
    this.#giveRoom();
  }

  #awaitAck(): void {
    const { minMs, maxMs } = ACK_TIMEOUT;
    this.#waitingSince = this.#options.timer.monotonic();
    this.#setAckTimer(Math.min(maxMs, Math.max(minMs, ACK_PATIENCE * this.#slowestAckMs)));
  }

  #setAckTimer(delayMs: number): void {
    const { timer } = this.#options;
    const socket = this.#socket!;
    const due = timer.monotonic() + delayMs;
    this.#cancelAckTimer = after(timer, delayMs, () => {
      const now = timer.monotonic();
      // What came while we were held up is heard first.
      if (now - due > MAX_LATENESS_MS) return this.#setAckTimer(MAX_LATENESS_MS);
      const waitedMs = Math.round(now - this.#waitingSince);
      this.#drop(socket, `it took ${this.#underWay.length} messages and acknowledged none for ${waitedMs} ms`);
    });
  }

  /** Whatever comes of this socket later is not heard. */
  #drop(socket: PeerSocket, reason: string | null): void {
    if (socket === this.#socket) {
      const isGood = this.#isProven && this.#options.timer.monotonic() - this.#openedAt >= GOOD_AFTER_MS;
      if (isGood) this.#backoff.reset();
      this.#socket = null;
      this.#isProven = false;
      this.#cancelAckTimer?.();
      this.#cancelAckTimer = null;
      this.#cancelOpenTimer();
      if (reason !== null) this.#swallowed++;
      const retryMs = this.#retryLater();
      const lost = this.#underWay.splice(0).map(({ frames }) => frames);
      this.#underWayBytes = 0;
      this.#giveRoom();
      if (!this.#isClosed) this.#options.onFailed(lost, reason, retryMs);
    }
    if (socket.readyState <= OPEN) socket.close();
  }

  #retryLater(): number {
    const retryMs = this.#backoff.next();
    this.#retryAt = this.#options.timer.monotonic() + retryMs;
    return retryMs;
  }

  #giveRoom(): void {
    for (const resolve of this.#whenRoom.splice(0)) resolve();
  }
}

function after(timer: Timer, ms: number, run: () => void): () => void {
  return timer.schedule(millis(timer.now() + Math.ceil(ms)), run);
}
