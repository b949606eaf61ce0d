/**
 * The outbox of one peer. While one delivery is in flight frames are collected, and the next delivery carries them all.
 * goPBFT's `MsgDelivery`.
 * @module
 */
import { millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { deferred } from "../async/deferred.ts";
import { Backoff, type Jitter } from "../async/backoff.ts";
import type { NodeLimits } from "../limits.ts";
import { OutboxQueue } from "./outbox_queue.ts";
import { PeerReachability } from "./peer_reachability.ts";
import type { Timer, Transport } from "../ports.ts";
import type { OutboxStatus } from "../status.ts";
import type { HostEvent } from "../host_event.ts";

/** Delays after failed deliveries, ms: after the first, and the longest. */
const BACKOFF = { minMs: 50, maxMs: 2_000 };

/** Options of {@linkcode Outbox}. */
export interface OutboxOptions {
  readonly peer: ReplicaId;
  readonly transport: Transport;
  readonly timer: Timer;
  readonly jitter: Jitter;
  /** Called when the peer becomes unreachable, and when it is reachable again. */
  readonly onHostEvent?: (event: HostEvent) => void;
  /** Called at the end of each delivery. */
  readonly onDelivered?: (peer: ReplicaId, isTaken: boolean) => void;
  readonly limits: Pick<
    NodeLimits,
    "maxOutboxFrames" | "maxOutboxBytes" | "maxBodyFrames" | "maxBodyBytes" | "deliveryTimeoutMs"
  >;
}

interface InFlight {
  readonly frames: readonly Uint8Array[];
  readonly controller: AbortController;
  readonly timeout: Deadline;
  readonly resolve: () => void;
}

/** The end of a delivery or a pause. A host with coarse alarms may notify us of it up to a minute late. */
interface Deadline {
  /** By the monotonic clock, ms. */
  readonly at: number;
  readonly cancelAlarm: () => void;
}

/**
 * The frames for one peer, in order. Each is sent at most once. What is dropped here or lost on the network is
 * requested again by the protocol's status messages.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #backoff: Backoff;
  readonly #reachability: PeerReachability;
  readonly #queue: OutboxQueue;
  #dropped = 0;
  #delivery: InFlight | null = null;
  /** The pause after a failure; null if there is none. */
  #pause: Deadline | null = null;
  #closed = false;
  #lastDelivery: Promise<void> | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#queue = new OutboxQueue(options.limits);
    this.#backoff = new Backoff(options.jitter, BACKOFF);
    this.#reachability = new PeerReachability(options);
  }

  /** The status of the outbox and the peer. */
  get status(): OutboxStatus {
    const { peer, transport } = this.#options;
    const link = transport.status?.(peer);
    const { failures, unreachable } = this.#reachability;
    const queue = { peer, depth: this.#queue.length, bytes: this.#queue.bytes, dropped: this.#dropped };
    return { ...queue, failures, unreachable, ...(link && { link }) };
  }

  /** Adds a frame. It is sent with the next {@linkcode flush}. */
  push(frame: Uint8Array, kind: MessageKind): void {
    if (!this.#closed) this.#dropped += this.#queue.push(frame, kind);
  }

  /**
   * Sends the queued frames, or starts a delivery, unless one is in flight or the outbox pauses after a failure. Ends
   * both if their time is over: the alarm may be late.
   */
  flush(): void {
    if (this.#queue.length === 0) return;
    if (this.#isOver(this.#delivery?.timeout)) this.#timeOut();
    if (this.#isOver(this.#pause)) this.#endPause();
    const { peer, transport, limits } = this.#options;
    while (!this.#closed && !this.#delivery && !this.#pause && this.#queue.length > 0) {
      const frames = this.#queue.take(limits.maxBodyFrames, limits.maxBodyBytes);
      if (transport.send?.(peer, frames)) this.#succeeded();
      else this.#lastDelivery = this.#deliver(frames);
    }
  }

  /**
   * Resolves once everything that could be sent has been sent. Frames that wait because the peer failed stay queued.
   */
  async flushed(): Promise<void> {
    for (let last = null; this.#lastDelivery !== last;) await (last = this.#lastDelivery);
  }

  /** The peer has sent something, so it is alive: a pause longer than that after a first failure ends. */
  heard(): void {
    if (this.#backoff.failures > 1) {
      this.#backoff.reset();
      this.#endPause();
    } else if (!this.#delivery && !this.#pause) return;
    this.flush();
  }

  /** Drops queued frames and aborts the running delivery. */
  close(): void {
    this.#closed = true;
    this.#queue.clear();
    this.#endPause();
    this.#abort(new DOMException("the node is closing", "AbortError"));
  }

  /** Starts a delivery. Resolves when it has ended, successfully or not. */
  #deliver(frames: readonly Uint8Array[]): Promise<void> {
    const { peer, transport, limits } = this.#options;
    const { promise, resolve } = deferred<void>();
    const controller = new AbortController();
    const timeout = this.#after(limits.deliveryTimeoutMs, () => this.#timeOut());
    const delivery: InFlight = { frames, controller, timeout, resolve };
    this.#delivery = delivery;
    startDelivery(transport, peer, frames, controller.signal).then(
      () => this.#end(delivery),
      (error) => this.#end(delivery, { error }),
    );
    return promise;
  }

  /**
   * Not an async function, for speed: one delivery per peer and message is the most frequent action of a busy replica.
   */
  #end(delivery: InFlight, failure?: { readonly error: unknown }): void {
    if (this.#delivery !== delivery) return;
    this.#delivery = null;
    delivery.timeout.cancelAlarm();
    if (failure) {
      this.#dropped += delivery.frames.length;
      this.#options.onDelivered?.(this.#options.peer, false);
      if (!this.#closed) this.#reachability.failed(failure.error);
      this.#startPause();
    } else {
      this.#succeeded();
    }
    this.flush();
    delivery.resolve();
  }

  #timeOut(): void {
    this.#abort(new DOMException("delivery timed out", "TimeoutError"));
  }

  #abort(reason: DOMException): void {
    const delivery = this.#delivery;
    if (!delivery) return;
    delivery.controller.abort(reason);
    this.#end(delivery, { error: reason });
  }

  #succeeded(): void {
    this.#backoff.reset();
    this.#reachability.succeeded();
    this.#options.onDelivered?.(this.#options.peer, true);
  }

  #startPause(): void {
    if (this.#closed) return;
    this.#pause = this.#after(this.#backoff.next(), () => {
      this.#pause = null;
      this.flush();
    });
  }

  #endPause(): void {
    this.#pause?.cancelAlarm();
    this.#pause = null;
  }

  #after(ms: number, fire: () => void): Deadline {
    const { timer } = this.#options;
    return { at: timer.monotonic() + ms, cancelAlarm: timer.schedule(millis(timer.now() + ms), fire) };
  }

  #isOver(deadline: Deadline | null | undefined): boolean {
    return !!deadline && this.#options.timer.monotonic() >= deadline.at;
  }
}

/** Starts a delivery. An error that the transport throws becomes a rejection. */
function startDelivery(transport: Transport, ...delivery: Parameters<Transport["deliver"]>): Promise<void> {
  try {
    return transport.deliver(...delivery);
  } catch (error) {
    return Promise.reject(error);
  }
}
