/**
 * Reads without ordering. Queries that are made at the same time share a signed message to all replicas; each is
 * answered by itself, when a quorum gives the same result. One on which the replicas do not agree is asked again, and
 * at last ordered.
 * @module
 */
import { MAX_QUERY_OPERATIONS } from "../../core/messages/queries.ts";
import type { Result } from "../../core/messages/messages.ts";
import { fromUtf8 } from "../../wire/codec/utf8.ts";
import { MAX_BODY_BYTES } from "../../wire/messages/limits.ts";
import { Call, NOBODY_WAITS } from "../calls/call.ts";
import type { Channel } from "../calls/channel.ts";
import type { Deadlines } from "../calls/deadlines.ts";
import { QueryRejectedError, QueueFullError } from "../errors.ts";
import type { Rules } from "../epochs/present.ts";
import type { ClientSettings } from "../options.ts";
import { Pace } from "../transport/pace.ts";
import { jittered } from "../transport/random.ts";
import { after } from "../transport/timer.ts";
import { Ask } from "./ask.ts";
import type { Left, Polled } from "./poll.ts";

type QuerySettings = Pick<
  ClientSettings,
  "timer" | "random" | "retryMs" | "maxRetryMs" | "maxQueriesInFlight" | "maxWaitingOperations" | "maxWaitingBytes"
>;

/** What {@linkcode Queries} is made from. */
export interface QueriesOptions extends QuerySettings {
  readonly channel: Pick<Channel, "poll">;
  readonly rules: Rules;
  readonly deadlines: Deadlines;
  /** Has an operation ordered and executed. */
  readonly order: (operation: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
}

/** The most that a query takes beside its operations, and beside each operation and its result, bytes, rounded up. */
const OVERHEAD = { queryBytes: 512, operationBytes: 9, resultBytes: 64 };
/**
 * A read is ordered after the replicas have disagreed on it this often. They disagree while the keys that it reads are
 * being written.
 */
const MAX_SPLITS = 3;
/** How long to send one operation at a time to replicas of an earlier release, which know no others, ms. */
const ONE_BY_ONE_MS = 60_000;
/**
 * A poll without a quorum after this multiple of the recent duration of polls ends: the missing replicas do not answer.
 */
const PATIENCE_FACTOR = 6;

/** The queries of one client. */
export class Queries {
  readonly #options: QueriesOptions;
  /** What waits to be sent, oldest first. */
  readonly #queue = new Set<Ask>();
  /** Those of them that have not been sent before, by operation. */
  readonly #joinable = new Map<string, Ask>();
  /** The callers that wait for their query to be sent, and the bytes of their operations. */
  #callers = 0;
  #bytes = 0;
  #inFlight = 0;
  #pumpSoon = false;
  #oneByOneUntil = -Infinity;
  /**
   * The pace of polls. A poll without a quorum counts, too: the next ones get more time, so that load alone does not
   * cause queries to be ordered.
   */
  readonly #pace = new Pace();

  constructor(options: QueriesOptions) {
    this.#options = options;
  }

  /** Resolves with the state machine's answer. @throws {QueueFullError} if too many queries wait already. */
  query(operation: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const { deadlines, maxWaitingOperations, maxWaitingBytes } = this.#options;
    if (this.#callers >= maxWaitingOperations || this.#bytes + operation.length > maxWaitingBytes) {
      throw new QueueFullError(this.#callers, this.#bytes);
    }
    const ask = this.#askFor(operation);
    const call: Call<Uint8Array> = new Call<Uint8Array>({
      operation,
      isQuery: true,
      signal,
      deadline: deadlines.next(),
      onEnd: () => {
        deadlines.delete(call);
        if (this.#queue.has(ask)) this.#count(ask, -1);
        ask.leave(call);
      },
    });
    ask.calls.add(call);
    this.#count(ask, 1);
    deadlines.add(call);
    return call.promise;
  }

  /**
   * Callers with the same operation share one place while it waits. That is linearizable: it is sent after each of them
   * called.
   */
  #askFor(operation: Uint8Array): Ask {
    const key = keyOf(operation);
    const known = this.#joinable.get(key);
    if (known) return known;
    const ask = new Ask(key, operation, this.#options.retryMs);
    this.#joinable.set(key, ask);
    this.#enqueue(ask);
    return ask;
  }

  #enqueue(ask: Ask): void {
    this.#queue.add(ask);
    this.#count(ask, ask.calls.size);
    ask.onAbandoned = () => this.#dequeue(ask);
    this.#schedulePump();
  }

  #dequeue(ask: Ask): void {
    this.#queue.delete(ask);
    this.#count(ask, -ask.calls.size);
    if (this.#joinable.get(ask.key) === ask) this.#joinable.delete(ask.key);
  }

  #count({ operation }: Ask, callers: number): void {
    this.#callers += callers;
    this.#bytes += callers * operation.length;
  }

  /** Waits for one turn of the event loop, so that queries made in this turn share a message. */
  #schedulePump(): void {
    if (this.#pumpSoon) return;
    this.#pumpSoon = true;
    this.#options.timer.soon(() => {
      this.#pumpSoon = false;
      while (this.#queue.size > 0 && this.#inFlight < this.#options.maxQueriesInFlight) void this.#send(this.#take());
    });
  }

  #take(): Ask[] {
    const taken: Ask[] = [];
    const { timer, rules: { limits } } = this.#options;
    const fitting = Math.floor(MAX_BODY_BYTES / (limits.maxResultBytes + OVERHEAD.resultBytes)) - 1;
    const max = timer.monotonic() < this.#oneByOneUntil ? 1 : Math.max(1, Math.min(MAX_QUERY_OPERATIONS, fitting));
    let room = limits.maxRequestBytes - OVERHEAD.queryBytes;
    for (const ask of this.#queue) {
      room -= ask.operation.length + OVERHEAD.operationBytes;
      if (taken.length === max || (room < 0 && taken.length > 0)) break;
      taken.push(ask);
    }
    for (const ask of taken) this.#dequeue(ask);
    return taken;
  }

  async #send(asks: readonly Ask[]): Promise<void> {
    const { channel, timer } = this.#options;
    const controller = new AbortController();
    let open = asks.length;
    for (const ask of asks) ask.onAbandoned = () => --open === 0 && controller.abort(NOBODY_WAITS);
    this.#inFlight++;
    const start = timer.monotonic();
    try {
      const polled = await channel.poll(asks.map(({ operation }) => operation), {
        signal: controller.signal,
        patienceMs: this.#pace.patienceMs(PATIENCE_FACTOR, this.#options),
        onAgreed: (index, result) => answer(asks[index]!, result),
      });
      for (const left of polled.left) this.#onLeft(asks[left.index]!, left, { ...polled, together: asks.length });
    } catch (error) {
      for (const ask of asks) ask.reject(error);
    } finally {
      this.#pace.add(timer.monotonic() - start);
      this.#inFlight--;
      this.#schedulePump();
    }
  }

  /** A poll had no quorum for this one. */
  #onLeft(ask: Ask, left: Left, polled: Polled & { readonly together: number }): void {
    const { needed } = polled;
    if (ask.calls.size === 0) return;
    // One of these replicas is correct: it had no room for the result, or it is of an earlier release.
    if (left.leftOut >= needed) return this.#enqueue(ask);
    if (polled.denied >= needed && polled.together > 1) {
      this.#oneByOneUntil = this.#options.timer.monotonic() + ONE_BY_ONE_MS;
      return this.#enqueue(ask);
    }
    if (left.reads < needed) return this.#pause(ask);
    // Here one of the replicas that answered is correct, so the operation is a read, and ordering it changes nothing: a
    // machine executes what its `query` answers without a change.
    if (!polled.isComplete || ++ask.splits >= MAX_SPLITS) return void this.#order(ask);
    if (polled.overloaded > 0) return this.#pause(ask);
    this.#enqueue(ask);
  }

  #pause(ask: Ask): void {
    const { timer, random, maxRetryMs } = this.#options;
    ask.onAbandoned = after(timer, jittered(ask.pauseMs, random), () => this.#enqueue(ask));
    ask.pauseMs = Math.min(2 * ask.pauseMs, maxRetryMs);
  }

  async #order(ask: Ask): Promise<void> {
    const controller = new AbortController();
    ask.onAbandoned = () => controller.abort(NOBODY_WAITS);
    try {
      ask.resolve(await this.#options.order(ask.operation, controller.signal));
    } catch (error) {
      ask.reject(error);
    }
  }
}

function answer(ask: Ask, { status, value }: Result): void {
  if (status === "ok") ask.resolve(value);
  else ask.reject(new QueryRejectedError(fromUtf8(value)));
}

function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}
