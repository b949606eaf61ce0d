/**
 * `GET /events`: the events of the replica as server-sent events, for dashboards and debugging; and with
 * `/events?messages` also each message as it leaves and as it arrives.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import { maxFaulty, quorum } from "../../core/messages/quorum.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { Observer, Timer } from "../../node/ports.ts";
import type { HostedNode } from "../hosted_node.ts";
import { Problem } from "../problem.ts";
import { EventFeed, lastEventId } from "./event_feed.ts";

/** Options of the event streams. */
export interface EventStreamOptions {
  readonly node: HostedNode;
  readonly timer: Timer;
  /** Events buffered for a slow subscriber. Further ones are dropped, and the stream says how many. */
  readonly maxQueued: number;
  readonly maxSubscribers: number;
  /** Interval of keep-alive comments, ms. Without them proxies close an idle stream. */
  readonly keepAliveMs: number;
  /** Whether streams with messages contain operations and the names of unsigned clients. */
  readonly hasPayloads: boolean;
}

/** Events kept for subscribers that come back. */
const MAX_KEPT = { events: 256, messages: 2_048 };
/** Messages come in bursts: as many more may be buffered as plain events. */
const MESSAGES_PER_EVENT = 16;
/** Open sequence numbers in a snapshot. */
const MAX_SLOTS = 256;

/** Sends the events of one replica to all its subscribers. */
export class EventStreams implements Observer {
  readonly #options: EventStreamOptions;
  readonly #events: EventFeed;
  /** With messages; its numbers are its own. */
  readonly #messages: EventFeed;
  /** Tells a restarted replica from the one before: event numbers begin anew. */
  readonly #life: number;
  /** The wall clock minus the monotonic one, ms: the latter has fractions. */
  #epoch = 0;
  #stopWatching: (() => void) | null = null;
  #stopKeepAlive: (() => void) | null = null;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    const { timer, maxQueued } = options;
    this.#life = timer.now();
    this.#events = new EventFeed({ timer, maxQueued, maxKept: MAX_KEPT.events });
    this.#messages = new EventFeed({
      timer,
      maxQueued: MESSAGES_PER_EVENT * maxQueued,
      maxKept: MAX_KEPT.messages,
      onWanted: (isWanted) => this.#watch(isWanted),
    });
  }

  /** Number of open streams. */
  get size(): number {
    return this.#events.size + this.#messages.size;
  }

  onEvent(event: ReplicaEvent, now: number): void {
    // A stack trace contains paths of the host: it goes to the log only.
    const shown = "stack" in event
      ? { ...event, stack: undefined }
      : event.kind === "stage"
      ? { ...event, batch: undefined }
      : event;
    this.#events.send(event.kind, () => ({ at: now, ...shown }));
    this.#messages.send(event.kind, () => ({ at: this.#now(), ...shown }));
  }

  onHostEvent(event: HostEvent): void {
    this.#messages.send(event.kind, () => ({ at: this.#now(), ...event }));
  }

  /**
   * Opens a stream. One address may have at most as many as are left for all others. `messages`: also with each
   * message; `after`: the header `Last-Event-ID`.
   * @throws {Problem} 429 if there are too many.
   */
  subscribe({ network, messages, after }: SubscribeOptions): Response {
    const free = this.#options.maxSubscribers - this.size;
    const own = network === undefined ? 0 : this.#events.readersFrom(network) + this.#messages.readersFrom(network);
    if (free <= 0 || own >= free) {
      throw new Problem("overloaded", {
        detail:
          `too many event streams: at most ${this.#options.maxSubscribers} at once; close one, or try again later`,
      });
    }
    const feed = messages ? this.#messages : this.#events;
    const response = feed.open(this.#snapshot(), { network, after: lastEventId(after) });
    this.#keepAlive();
    return response;
  }

  /** Ends all streams. */
  close(): void {
    this.#stopKeepAlive?.();
    this.#stopKeepAlive = null;
    for (const feed of [this.#events, this.#messages]) feed.close();
  }

  #watch(isWanted: boolean): void {
    const { node, timer, hasPayloads } = this.#options;
    this.#stopWatching?.();
    this.#stopWatching = null;
    if (!isWanted) return;
    this.#epoch = timer.now() - timer.monotonic();
    this.#stopWatching = node.watch?.({
      getsPayloads: hasPayloads,
      onSeen: (seen) => this.#messages.send(seen.kind, () => ({ at: this.#now(), ...seen })),
    }) ?? null;
  }

  /** The wall clock with fractions, ms. */
  #now(): number {
    return Math.round(100 * (this.#epoch + this.#options.timer.monotonic())) / 100;
  }

  /** How the replica is when a stream begins. */
  #snapshot(): Readonly<Record<string, unknown>> {
    const { node, timer } = this.#options;
    const { name, self, replica, halted } = node.status();
    const { view, primary, active, lastExecuted, lowWatermark, highWatermark, slots } = replica;
    const n = node.genesis.replicas.length;
    return {
      at: timer.now(),
      life: this.#life,
      name,
      self,
      cluster: node.cluster,
      clusterName: node.genesis.name,
      members: node.genesis.replicas.map((member) => member.name),
      faulty: maxFaulty(n),
      quorum: quorum(n),
      view,
      primary,
      active,
      executed: lastExecuted,
      low: lowWatermark,
      high: highWatermark,
      slots: slots.slice(0, MAX_SLOTS),
      halted: halted ?? null,
      recovering: replica.recovering,
    };
  }

  #keepAlive(): void {
    if (this.#stopKeepAlive !== null || this.size === 0) return;
    const { timer, keepAliveMs } = this.#options;
    this.#stopKeepAlive = timer.schedule(millis(timer.now() + keepAliveMs), () => {
      this.#stopKeepAlive = null;
      for (const feed of [this.#events, this.#messages]) feed.sendComment();
      this.#keepAlive();
    });
  }
}

/** A subscriber. */
export interface SubscribeOptions {
  readonly network?: string | undefined;
  readonly messages?: boolean;
  readonly after?: string | undefined;
}
