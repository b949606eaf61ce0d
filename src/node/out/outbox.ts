/**
 * The outbox of one peer. While a delivery is in flight frames are collected, and the next delivery carries them all.
 * goPBFT's `MsgDelivery`.
 *
 * Where deliveries take long, by distance or because the peer commits before it answers, several are in flight: a commit
 * must not wait for the answer to a prepare. Where they are short that would only make more and smaller ones. Frames may
 * overtake each other then. The protocol allows that: networks reorder, too.
 *
 * Where the host bounds connections, frames stay in the queue until there is one for this peer. Then bulk is delivered apart from what decides.
 * @module
 */
import { millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { deferred } from "../async/deferred.ts";
import { Backoff, type Jitter } from "../async/backoff.ts";
import type { NodeLimits } from "../limits.ts";
import { OutboxQueue } from "./outbox_queue.ts";
import { PeerReachability } from "./peer_reachability.ts";
import type { Lane, RunningDelivery, Timer, Transport, WaitingFrames } from "../ports.ts";
import type { OutboxStatus } from "../status.ts";
import type { HostEvent } from "../host_event.ts";

/** A delivery is long from this time on, ms. */
const LONG_MS = 10;
/** Weight of the last delivery in the moving average of their durations. */
const GAIN = 1 / 4;
/** Delays after failed deliveries, ms: after the first, and the longest. */
const BACKOFF = { minMs: 50, maxMs: 2_000 };

/** One error for all: where many deliveries time out, a stack trace for each would cost much, and says nothing. */
const TIMED_OUT = new DOMException("delivery timed out", "TimeoutError");

/** Options of {@linkcode Outbox}. */
export interface OutboxOptions {
  readonly peer: ReplicaId;
  readonly transport: Transport;
  readonly timer: Timer;
  readonly jitter: Jitter;
  /** Called when the peer becomes unreachable, and when it is reachable again. */
  readonly onHostEvent?: (event: HostEvent) => void;
  /** Called when a delivery failed because nothing listens at the peer's address, and nothing was heard of the peer since it began. */
  readonly onRefused?: (peer: ReplicaId) => void;
  /** Called at the end of each delivery. */
  readonly onDelivered?: (peer: ReplicaId, isTaken: boolean) => void;
  readonly limits: Pick<
    NodeLimits,
    | "maxOutboxFrames"
    | "maxOutboxBytes"
    | "maxOutboxBulkBytes"
    | "maxBodyFrames"
    | "maxBodyBytes"
    | "deliveryTimeoutMs"
    | "maxDeliveriesInFlight"
  >;
}

interface InFlight {
  readonly frames: readonly Uint8Array[];
  readonly controller: AbortController;
  readonly timeout: Deadline;
  /** By the monotonic clock, ms. */
  readonly startedAt: number;
  /** Where the host bounds connections. */
  readonly lane: Lane | undefined;
  /** Resolves when it has ended: whether the peer has accepted it. */
  readonly ended: Promise<boolean>;
  readonly resolve: (isTaken: boolean) => void;
}

/** The end of a delivery or a pause. A host with coarse alarms may notify us of it up to a minute late. */
interface Deadline {
  /** By the monotonic clock, ms. */
  readonly at: number;
  readonly cancelAlarm: () => void;
}

/**
 * The frames for one peer. Each is sent at most once. A frame that is dropped here or lost on the network is
 * requested again by the protocol's status messages.
 */
export class Outbox implements WaitingFrames {
  readonly #options: OutboxOptions;
  readonly #backoff: Backoff;
  readonly #reachability: PeerReachability;
  readonly #queue: OutboxQueue;
  #dropped = 0;
  /** In the order in which they began. */
  readonly #deliveries = new Set<InFlight>();
  /** Moving average of the duration of deliveries, ms. */
  #meanMs = 0;
  /** When the peer was last heard, by the monotonic clock, ms. */
  #heardAt = -Infinity;
  /** The pause after a failure; null if there is none. */
  #pause: Deadline | null = null;
  #closed = false;

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
   * Sends the queued frames, or starts a delivery if another one may be in flight, unless the outbox pauses after a
   * failure. Ends both if their time is over: the alarm may be late.
   */
  flush(): void {
    if (this.#queue.length === 0) return;
    for (const delivery of this.#deliveries) if (this.#isOver(delivery.timeout)) this.#timeOut(delivery);
    if (this.#isOver(this.#pause)) this.#endPause();
    const { peer, transport, limits } = this.#options;
    if (transport.connections) return transport.connections.ask(peer, this);
    while (!this.#closed && !this.#pause && this.#queue.length > 0) {
      if (!transport.send && !this.#mayDeliver()) return;
      const frames = this.#queue.next(limits.maxBodyFrames, limits.maxBodyBytes);
      const isSent = transport.send?.(peer, frames) ?? false;
      if (!isSent && !this.#mayDeliver()) return;
      this.#queue.remove(frames.length);
      if (isSent) this.#succeeded();
      else this.#deliver(frames);
    }
  }

  /** @inheritdoc */
  waits(lane: Lane): boolean {
    return !this.#closed && !this.#pause && this.#queue.holdsIn(lane) && this.#mayDeliver(lane);
  }

  /** @inheritdoc */
  start(lane: Lane): RunningDelivery {
    const { maxBodyFrames, maxBodyBytes } = this.#options.limits;
    const delivery = this.#deliver(this.#queue.take(lane, maxBodyFrames, maxBodyBytes), lane);
    return { ended: delivery.ended, abort: (reason) => this.#abort(delivery, reason) };
  }

  /** Whether another delivery may begin, of this lane if there are lanes. */
  #mayDeliver(lane?: Lane): boolean {
    let [oldest] = this.#deliveries;
    let count = this.#deliveries.size;
    if (lane) {
      const inLane = [...this.#deliveries].filter((delivery) => delivery.lane === lane);
      [oldest, count] = [inLane[0], inLane.length];
    }
    if (!oldest) return true;
    if (count >= this.#options.limits.maxDeliveriesInFlight) return false;
    return Math.max(this.#meanMs, this.#options.timer.monotonic() - oldest.startedAt) >= LONG_MS;
  }

  /**
   * Resolves once everything that could be sent has been sent. Frames that wait because the peer failed stay queued.
   */
  async flushed(): Promise<void> {
    while (this.#deliveries.size > 0) await Promise.all(Array.from(this.#deliveries, ({ ended }) => ended));
  }

  /** The peer has sent something, so it is alive: a pause longer than that after a first failure ends. */
  heard(): void {
    this.#heardAt = this.#options.timer.monotonic();
    if (this.#backoff.failures > 1) {
      this.#backoff.reset();
      this.#endPause();
    } else if (this.#deliveries.size === 0 && !this.#pause) return;
    this.flush();
  }

  /** Drops queued frames and aborts the running deliveries. */
  close(): void {
    this.#closed = true;
    this.#queue.clear();
    this.#endPause();
    const reason = new DOMException("the node is closing", "AbortError");
    for (const delivery of this.#deliveries) this.#abort(delivery, reason);
  }

  #deliver(frames: readonly Uint8Array[], lane?: Lane): InFlight {
    const { peer, transport, limits, timer } = this.#options;
    const { promise: ended, resolve } = deferred<boolean>();
    const controller = new AbortController();
    const timeout = this.#after(limits.deliveryTimeoutMs, () => this.#timeOut(delivery));
    const delivery: InFlight = { frames, controller, timeout, startedAt: timer.monotonic(), lane, ended, resolve };
    this.#deliveries.add(delivery);
    startDelivery(transport, peer, frames, controller.signal).then(
      () => this.#end(delivery),
      (error) => this.#end(delivery, { error }),
    );
    return delivery;
  }

  /**
   * Not an async function, for speed: one delivery per peer and message is the most frequent action of a busy replica.
   */
  #end(delivery: InFlight, failure?: { readonly error: unknown }): void {
    if (!this.#deliveries.delete(delivery)) return;
    delivery.timeout.cancelAlarm();
    if (failure) {
      this.#dropped += delivery.frames.length;
      this.#options.onDelivered?.(this.#options.peer, false);
      if (!this.#closed) {
        this.#reachability.failed(failure.error);
        // A peer that was heard meanwhile has just started.
        if (isRefused(failure.error) && delivery.startedAt > this.#heardAt) {
          this.#options.onRefused?.(this.#options.peer);
        }
      }
      this.#startPause();
    } else {
      if (delivery.lane !== "bulk") {
        this.#meanMs += GAIN * (this.#options.timer.monotonic() - delivery.startedAt - this.#meanMs);
      }
      this.#succeeded();
    }
    this.flush();
    delivery.resolve(!failure);
  }

  #timeOut(delivery: InFlight): void {
    this.#abort(delivery, TIMED_OUT);
  }

  #abort(delivery: InFlight, reason: DOMException): void {
    delivery.controller.abort(reason);
    this.#end(delivery, { error: reason });
  }

  #succeeded(): void {
    this.#backoff.reset();
    this.#reachability.succeeded();
    this.#options.onDelivered?.(this.#options.peer, true);
  }

  /** Deliveries that were in flight together and fail together are one failure. */
  #startPause(): void {
    if (this.#closed || this.#pause) return;
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

/** Whether a transport says that nothing listens at the peer's address. */
function isRefused(error: unknown): boolean {
  return (error as { readonly isRefused?: unknown } | null | undefined)?.isRefused === true;
}

/** Starts a delivery. An error that the transport throws becomes a rejection. */
function startDelivery(transport: Transport, ...delivery: Parameters<Transport["deliver"]>): Promise<void> {
  try {
    return transport.deliver(...delivery);
  } catch (error) {
    return Promise.reject(error);
  }
}
