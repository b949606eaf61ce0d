/**
 * What waits for one peer. While one delivery is under way frames gather, and the next carries them all.
 * goPBFT's `MsgDelivery`.
 * @module
 */
import { type Millis, millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { deferred } from "../async/deferred.ts";
import { Backoff, type Jitter } from "../async/backoff.ts";
import type { NodeLimits } from "../limits.ts";
import { OutboxQueue } from "./outbox_queue.ts";
import { PeerTrouble } from "./peer_trouble.ts";
import type { Timer, Transport } from "../ports.ts";
import type { OutboxStatus } from "../status.ts";
import type { Trouble } from "../trouble.ts";

/** The delay after the first failed delivery, and the longest, ms. */
const BACKOFF = { minMs: 50, maxMs: 2_000 };

/** What an outbox needs. */
export interface OutboxOptions {
  readonly peer: ReplicaId;
  readonly transport: Transport;
  readonly timer: Timer;
  readonly jitter: Jitter;
  /** Hears when the peer can't be reached, and when it can be again. */
  readonly onTrouble?: (trouble: Trouble) => void;
  /** A delivery is over. */
  readonly onDelivered?: (peer: ReplicaId, isTaken: boolean) => void;
  readonly limits: Pick<
    NodeLimits,
    "maxOutboxFrames" | "maxOutboxBytes" | "maxBodyFrames" | "maxBodyBytes" | "deliveryTimeoutMs"
  >;
}

interface UnderWay {
  readonly frames: readonly Uint8Array[];
  readonly controller: AbortController;
  readonly cancelTimeout: () => void;
  readonly resolve: () => void;
}

/**
 * The frames for one peer, in order. Nothing is sent twice: what is dropped here, or lost on its way, the protocol's
 * status messages bring about again.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #backoff: Backoff;
  readonly #trouble: PeerTrouble;
  readonly #queue: OutboxQueue;
  #dropped = 0;
  #delivery: UnderWay | null = null;
  /** Cancels the alarm that ends a rest after a failure; null: not resting. */
  #cancelRest: (() => void) | null = null;
  #closed = false;
  #underWay: Promise<void> | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#queue = new OutboxQueue(options.limits);
    this.#backoff = new Backoff(options.jitter, BACKOFF);
    this.#trouble = new PeerTrouble(options);
  }

  /** What waits here, and how it is with the peer. */
  get status(): OutboxStatus {
    const { peer, transport } = this.#options;
    const link = transport.status?.(peer);
    const { failures, unreachable } = this.#trouble;
    const queue = { peer, depth: this.#queue.length, bytes: this.#queue.bytes, dropped: this.#dropped };
    return { ...queue, failures, unreachable, ...(link && { link }) };
  }

  /** Adds a frame; it goes with the next {@linkcode flush}. */
  push(frame: Uint8Array, kind: MessageKind): void {
    if (!this.#closed) this.#dropped += this.#queue.push(frame, kind);
  }

  /** Sends what waits, or starts a delivery of it, unless one is under way or the peer failed just now. */
  flush(): void {
    const { peer, transport, limits } = this.#options;
    while (!this.#closed && !this.#delivery && !this.#cancelRest && this.#queue.length > 0) {
      const frames = this.#queue.take(limits.maxBodyFrames, limits.maxBodyBytes);
      if (transport.send?.(peer, frames)) this.#succeeded();
      else this.#underWay = this.#deliver(frames);
    }
  }

  /** Resolves once all that could be sent has been; what waits because the peer has failed stays. */
  async settled(): Promise<void> {
    for (let last = null; this.#underWay !== last;) await (last = this.#underWay);
  }

  /** The peer is there: it need not be waited for longer than after a first failure. */
  heard(): void {
    if (this.#backoff.failures <= 1) return;
    this.#backoff.reset();
    this.#endRest();
    this.flush();
  }

  /** Drops what waits and aborts the delivery that is under way. */
  close(): void {
    this.#closed = true;
    this.#queue.clear();
    this.#endRest();
    this.#breakOff(new DOMException("the node is closing", "AbortError"));
  }

  /** Resolves when it is over, one way or another. */
  #deliver(frames: readonly Uint8Array[]): Promise<void> {
    const { peer, transport, timer, limits } = this.#options;
    const { promise, resolve } = deferred<void>();
    const controller = new AbortController();
    const timeout = () => this.#breakOff(new DOMException("the delivery took too long", "TimeoutError"));
    const cancelTimeout = timer.schedule(later(timer, limits.deliveryTimeoutMs), timeout);
    const delivery: UnderWay = { frames, controller, cancelTimeout, resolve };
    this.#delivery = delivery;
    taken(transport, peer, frames, controller.signal).then(
      () => this.#end(delivery),
      (error) => this.#end(delivery, { error }),
    );
    return promise;
  }

  /** Not as an async function that awaits: one delivery per peer and message is what a busy replica does most. */
  #end(delivery: UnderWay, failure?: { readonly error: unknown }): void {
    if (this.#delivery !== delivery) return;
    this.#delivery = null;
    delivery.cancelTimeout();
    if (failure) {
      this.#dropped += delivery.frames.length;
      this.#options.onDelivered?.(this.#options.peer, false);
      if (!this.#closed) this.#trouble.failed(failure.error);
      this.#rest();
    } else {
      this.#succeeded();
    }
    this.flush();
    delivery.resolve();
  }

  #breakOff(reason: DOMException): void {
    const delivery = this.#delivery;
    if (!delivery) return;
    delivery.controller.abort(reason);
    this.#end(delivery, { error: reason });
  }

  #succeeded(): void {
    this.#backoff.reset();
    this.#trouble.succeeded();
    this.#options.onDelivered?.(this.#options.peer, true);
  }

  #rest(): void {
    if (this.#closed) return;
    const { timer } = this.#options;
    this.#cancelRest = timer.schedule(later(timer, this.#backoff.next()), () => {
      this.#cancelRest = null;
      this.flush();
    });
  }

  #endRest(): void {
    this.#cancelRest?.();
    this.#cancelRest = null;
  }
}

/** What a transport makes of a delivery: a promise in any case. */
function taken(transport: Transport, ...delivery: Parameters<Transport["deliver"]>): Promise<void> {
  try {
    return transport.deliver(...delivery);
  } catch (error) {
    return Promise.reject(error);
  }
}

function later(timer: Timer, ms: number): Millis {
  return millis(timer.now() + ms);
}
