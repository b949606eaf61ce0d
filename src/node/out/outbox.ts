/**
 * The outbox of one peer. While one delivery is in flight frames are collected, and the next delivery carries them all.
 * goPBFT's `MsgDelivery`.
 * @module
 */
import { type Millis, millis, type ReplicaId } from "../../core/messages/ids.ts";
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
  readonly cancelTimeout: () => void;
  readonly resolve: () => void;
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
  /** Cancels the timer of the pause after a failure; null if there is no pause. */
  #cancelPause: (() => void) | null = null;
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

  /** Sends the queued frames, or starts a delivery, unless one is in flight or the outbox pauses after a failure. */
  flush(): void {
    const { peer, transport, limits } = this.#options;
    while (!this.#closed && !this.#delivery && !this.#cancelPause && this.#queue.length > 0) {
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
    if (this.#backoff.failures <= 1) return;
    this.#backoff.reset();
    this.#endPause();
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
    const { peer, transport, timer, limits } = this.#options;
    const { promise, resolve } = deferred<void>();
    const controller = new AbortController();
    const timeout = () => this.#abort(new DOMException("delivery timed out", "TimeoutError"));
    const cancelTimeout = timer.schedule(later(timer, limits.deliveryTimeoutMs), timeout);
    const delivery: InFlight = { frames, controller, cancelTimeout, resolve };
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
    delivery.cancelTimeout();
    if (failure) {
      this.#dropped += delivery.frames.length;
      this.#options.onDelivered?.(this.#options.peer, false);
      if (!this.#closed) this.#reachability.failed(failure.error);
      this.#pause();
    } else {
      this.#succeeded();
    }
    this.flush();
    delivery.resolve();
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

  #pause(): void {
    if (this.#closed) return;
    const { timer } = this.#options;
    this.#cancelPause = timer.schedule(later(timer, this.#backoff.next()), () => {
      this.#cancelPause = null;
      this.flush();
    });
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = null;
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

function later(timer: Timer, ms: number): Millis {
  return millis(timer.now() + ms);
}
