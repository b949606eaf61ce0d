/**
 * The client side of the WebSocket to one peer.
 *
 * Nothing is sent before the peer's first acknowledgement: behind a proxy that opens sockets but forwards nothing, no
 * message is lost. Messages that were sent and not acknowledged are kept, within bounds. A socket without an
 * acknowledgement for {@linkcode ACK_TIMEOUT} (the peer hangs, or the connection was cut silently) counts as failed,
 * like a closed one. Its unacknowledged messages are given back, to be sent in another way. No new socket is opened for
 * a while; the pause doubles each time.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import { Backoff } from "../../node/async/backoff.ts";
import { deferred } from "../../node/async/deferred.ts";
import type { Timer } from "../../node/ports.ts";
import { onStall } from "../connections/stalls.ts";
import { ACK_DELAY_MS, BUSY, OPEN, type PeerSocket, readAck } from "./peer_socket.ts";

/** Options of {@linkcode PeerLink}. */
export interface PeerLinkOptions {
  /** Opens a socket; rejects if it can't. */
  readonly open: () => Promise<PeerSocket>;
  readonly timer: Timer;
  /**
   * Called when a socket failed, with the unacknowledged messages, oldest first. `reason`: why it counts as failed;
   * `null` if it was closed. `retryMs`: the pause before the next socket.
   */
  readonly onFailed: (
    unacknowledged: readonly (readonly Uint8Array[])[],
    reason: string | null,
    retryMs: number,
  ) => void;
}

/**
 * A socket without an acknowledgement for this time has failed, ms. The minimum is short enough to notice before a
 * replica suspects the primary. The timeout is longer where acknowledgements take longer, as across an ocean or on a
 * busy host, up to the maximum.
 */
export const ACK_TIMEOUT = { minMs: 300, maxMs: 900 };
/** The timeout is this multiple of the time that recent acknowledgements took, beside the receiver's delay. */
const ACK_PATIENCE = 3;
/** Slowest link that counts as one that works, bytes per ms: so much longer is the timeout of what is in flight. */
const SLOWEST_BYTES_PER_MS = 1_024;
/** With each faster acknowledgement the remembered slowest time decays by this factor. */
const ACK_MEMORY = 0.98;
/** Round trips until the first acknowledgement: one for the connection, one for the upgrade. */
const ROUND_TRIPS_TO_OPEN = 2;
/** A socket without a first acknowledgement after this time has failed, ms. */
const OPEN_TIMEOUT_MS = 5_000;
/** If a local timer fires later than this, ms, the local host was held up, and not the peer. */
const MAX_LATENESS_MS = 100;
/** Once so many messages or bytes are in flight and not acknowledged, no more are sent. */
const MAX_UNACKNOWLEDGED = { messages: 4_096, bytes: 1024 * 1024 };
/** Pause before the next socket after a failure, ms; doubles from the minimum to the maximum. */
const RETRY = { minMs: 1_000, maxMs: 60_000 };
/** Least pause after a socket that was not even opened in time, ms, or that brought too much: the peer hangs, or takes this host's time. */
const BAD_RETRY_MS = 30_000;
/** The most messages of the peer in a second. Correct ones acknowledge ten times a second, and once for each 256 KiB. */
const MAX_MESSAGES_PER_S = 2_000;
/** The socket after it must be open, and its first acknowledgement there, after this time, ms. */
const BAD_TIMEOUT_MS = 1_500;
/** If a socket worked for this time, its failure counts as the first one again, ms. */
const GOOD_AFTER_MS = 30_000;
/** Pause after the peer said that it is busy, ms. */
const BUSY_MS = 100;

interface InFlight {
  readonly frames: readonly Uint8Array[];
  readonly bytes: number;
}

/** The socket to one peer. It is opened when it is first needed. */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #backoff = new Backoff(Math.random, RETRY);
  #socket: PeerSocket | null = null;
  #isOpening = false;
  /** Whether the last socket was not opened in time, or brought more than any correct peer sends. */
  #wasBad = false;
  /** The peer has acknowledged on this socket, so messages arrive. */
  #isConfirmed = false;
  #openedAt = 0;
  #retryAt = -Infinity;
  #busyUntil = -Infinity;
  #inFlight: InFlight[] = [];
  #inFlightBytes = 0;
  #sent = 0;
  /**
   * Since when the oldest message waits for an acknowledgement, or the time of the last acknowledgement if that is
   * later.
   */
  #waitingSince = 0;
  /**
   * The slowest recent acknowledgement, ms, without the receiver's delay; decays. At first: a guess from the opening.
   */
  #slowestAckMs = 0;
  #cancelAckTimer: (() => void) | null = null;
  #cancelOpenTimer: () => void = () => {};
  #onWritable: (() => void)[] = [];
  #silentFailures = 0;
  /** The messages of the peer in the present second. */
  #second = { began: -Infinity, messages: 0 };
  #isClosed = false;
  /** Resolves when the last socket is closed on both sides. */
  #gone: Promise<void> = Promise.resolve();

  constructor(options: PeerLinkOptions) {
    this.#options = options;
  }

  /** Whether there is a usable socket. */
  get isOpen(): boolean {
    return this.#isConfirmed && this.#socket?.readyState === OPEN;
  }

  /** How many sockets failed without being closed: they acknowledged nothing. */
  get silentFailures(): number {
    return this.#silentFailures;
  }

  /** Whether the peer said a moment ago that it is busy. */
  get isBusy(): boolean {
    return this.#options.timer.monotonic() < this.#busyUntil;
  }

  /** Whether something can be sent now. If there is no socket, this starts to open one for later. */
  isReady(): boolean {
    if (this.#socket) return this.isOpen && this.#isWritable;
    if (!this.#isOpening && !this.#isClosed && this.#options.timer.monotonic() >= this.#retryAt) void this.#open();
    return false;
  }

  /** Sends a bundle of frames. {@linkcode isReady} must be true. */
  send(frames: readonly Uint8Array[], bundle: Uint8Array<ArrayBuffer>): void {
    this.#inFlight.push({ frames, bytes: bundle.length });
    this.#inFlightBytes += bundle.length;
    this.#sent++;
    this.#socket!.send(bundle);
    if (!this.#cancelAckTimer) this.#awaitAck();
  }

  /** Resolves once more can be sent, or there is no socket. */
  whenWritable(): Promise<void> {
    if (!this.isOpen || this.#isWritable) return Promise.resolve();
    return new Promise((resolve) => this.#onWritable.push(resolve));
  }

  /** Closes the socket for good. Resolves once it is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket?.close(1000);
    await this.#gone;
  }

  get #isWritable(): boolean {
    const { messages, bytes } = MAX_UNACKNOWLEDGED;
    return this.#inFlight.length < messages && this.#inFlightBytes < bytes;
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
    const { promise, resolve } = deferred<void>();
    const { timer } = this.#options;
    this.#socket = socket;
    this.#gone = promise;
    this.#openedAt = timer.monotonic();
    this.#sent = 0;
    this.#isConfirmed = false;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#onMessage(socket, data);
    socket.onerror = () => {}; // onclose follows
    socket.onclose = () => {
      this.#drop(socket, null);
      resolve();
    };
    const timeoutMs = this.#wasBad ? BAD_TIMEOUT_MS : OPEN_TIMEOUT_MS;
    const cancelTimeout = after(timer, timeoutMs, () => {
      this.#wasBad = socket.readyState < OPEN;
      const what = this.#wasBad
        ? "the peer has not opened the socket"
        : "the socket is open, but the peer sent nothing";
      this.#drop(socket, `${what} for ${timeoutMs} ms`);
    });
    // A peer that answers with interim responses without end takes the time of this host.
    const cancelStall = onStall(timer, () => {
      this.#wasBad = true;
      this.#drop(socket, "this host was held up while the peer was to open the socket");
    });
    this.#cancelOpenTimer = () => {
      cancelTimeout();
      cancelStall();
    };
  }

  /** Whether the peer sends more than any correct one. */
  #isFlooded(): boolean {
    const now = this.#options.timer.monotonic();
    if (now - this.#second.began >= 1_000) this.#second = { began: now, messages: 0 };
    return ++this.#second.messages > MAX_MESSAGES_PER_S;
  }

  #onMessage(socket: PeerSocket, data: unknown): void {
    if (socket !== this.#socket) return;
    if (this.#isFlooded()) {
      this.#wasBad = true;
      return this.#drop(socket, `the peer sent more than ${MAX_MESSAGES_PER_S} messages in a second`);
    }
    if (data === BUSY) this.#busyUntil = this.#options.timer.monotonic() + BUSY_MS;
    const count = readAck(data);
    if (count === null) return;
    this.#cancelOpenTimer();
    if (!this.#isConfirmed) {
      const openMs = this.#options.timer.monotonic() - this.#openedAt;
      this.#slowestAckMs = Math.max(this.#slowestAckMs, openMs / ROUND_TRIPS_TO_OPEN);
    }
    this.#isConfirmed = true;
    this.#wasBad = false;
    const left = this.#sent - count;
    if (left < 0 || left > this.#inFlight.length) {
      return this.#drop(socket, `the peer acknowledged ${count} messages, expected at most ${this.#sent}`);
    }
    for (const { bytes } of this.#inFlight.splice(0, this.#inFlight.length - left)) this.#inFlightBytes -= bytes;
    if (this.#cancelAckTimer) {
      const tookMs = this.#options.timer.monotonic() - this.#waitingSince;
      this.#slowestAckMs = Math.max(tookMs - ACK_DELAY_MS, ACK_MEMORY * this.#slowestAckMs);
    }
    this.#cancelAckTimer?.();
    this.#cancelAckTimer = null;
    if (left > 0) this.#awaitAck();
    this.#notifyWritable();
  }

  #awaitAck(): void {
    const { minMs, maxMs } = ACK_TIMEOUT;
    this.#waitingSince = this.#options.timer.monotonic();
    const patienceMs = Math.min(maxMs, Math.max(minMs, ACK_DELAY_MS + ACK_PATIENCE * this.#slowestAckMs));
    this.#setAckTimer(patienceMs + this.#inFlightBytes / SLOWEST_BYTES_PER_MS);
  }

  #setAckTimer(delayMs: number): void {
    const { timer } = this.#options;
    const socket = this.#socket!;
    const due = timer.monotonic() + delayMs;
    this.#cancelAckTimer = after(timer, delayMs, () => {
      const now = timer.monotonic();
      // Acknowledgements that arrived while this host was held up are processed first.
      if (now - due > MAX_LATENESS_MS) return this.#setAckTimer(MAX_LATENESS_MS);
      const waitedMs = Math.round(now - this.#waitingSince);
      this.#drop(socket, `the peer acknowledged none of ${this.#inFlight.length} messages for ${waitedMs} ms`);
    });
  }

  /** Drops a socket. Later events of it are ignored. */
  #drop(socket: PeerSocket, reason: string | null): void {
    if (socket === this.#socket) {
      const isGood = this.#isConfirmed && this.#options.timer.monotonic() - this.#openedAt >= GOOD_AFTER_MS;
      if (isGood) this.#backoff.reset();
      this.#socket = null;
      this.#isConfirmed = false;
      this.#cancelAckTimer?.();
      this.#cancelAckTimer = null;
      this.#cancelOpenTimer();
      if (reason !== null) this.#silentFailures++;
      const retryMs = this.#retryLater(this.#wasBad ? BAD_RETRY_MS : 0);
      const lost = this.#inFlight.splice(0).map(({ frames }) => frames);
      this.#inFlightBytes = 0;
      this.#notifyWritable();
      if (!this.#isClosed) this.#options.onFailed(lost, reason, retryMs);
    }
    if (socket.readyState <= OPEN) socket.close();
  }

  #retryLater(leastMs = 0): number {
    const retryMs = Math.max(leastMs, this.#backoff.next());
    this.#retryAt = this.#options.timer.monotonic() + retryMs;
    return retryMs;
  }

  #notifyWritable(): void {
    for (const resolve of this.#onWritable.splice(0)) resolve();
  }
}

function after(timer: Timer, ms: number, run: () => void): () => void {
  return timer.schedule(millis(timer.now() + Math.ceil(ms)), run);
}
