/**
 * The client: any number of concurrent calls over few signed requests, each result agreed on by f + 1 replicas.
 * @module
 */
import type { ClientId } from "../core/messages/ids.ts";
import { weakQuorum } from "../core/messages/quorum.ts";
import { fromUtf8, parseClusterFile } from "../wire/mod.ts";
import { Bundle, Call } from "./calls/call.ts";
import { Channel } from "./calls/channel.ts";
import { ClientClosedError } from "./errors.ts";
import { type Operation, operationBytes } from "./calls/operation.ts";
import { type ClientOptions, type ClientSettings, settingsOf } from "./options.ts";
import { jsonOf, type Outcome } from "./calls/outcome.ts";
import { Pace } from "./calls/pace.ts";
import { Queries } from "./queries.ts";
import { randomNonce } from "./transport/random.ts";
import { Session } from "./calls/session.ts";
import { hasLostItsSession, mustAcknowledge, refusalOf, settle } from "./calls/settle.ts";
import { after } from "./transport/timer.ts";
import { Waiting } from "./calls/waiting.ts";

/** What a single call can be told. */
export interface CallSettings {
  /** Ends the call: it rejects with `signal.reason`. What was sent may be executed all the same. */
  readonly signal?: AbortSignal;
}

/**
 * Talks to a cluster. Believes only what f + 1 replicas have signed. Calls that are made at the same time share a
 * signed request, in any order; await one to have it before the next.
 *
 * Runs in Deno, Node and browsers. When idle, it holds no timer and no connection.
 *
 * @example
 * ```ts
 * import { Client, type ClusterFile } from "@pbft/edge/client";
 * async function main(cluster: ClusterFile) {
 *   const client = new Client({ cluster });
 *   console.log(await client.invoke("SET name Ada"));
 *   const { sequence, receipt } = await client.submit({ op: "get", key: "name" });
 *   console.log(sequence, receipt);
 *   client.close();
 * }
 * ```
 */
export class Client {
  readonly #settings: ClientSettings;
  readonly #window: number;
  readonly #sessionIdleMs: number;
  readonly #channel: Channel;
  readonly #waiting: Waiting;
  readonly #pace: Pace;
  readonly #queries: Queries;
  /** All calls that have not ended, in the order of their deadlines. */
  readonly #calls = new Set<Call>();
  #session: Session | null = null;
  /** When {@linkcode #session} was last used, ms of the monotonic clock. */
  #sessionUsed = 0;
  /** The opening of a session that is under way. */
  #opening: AbortController | null = null;
  /** The same until an opening is concluded, so that an answer that was lost costs no second session. */
  #nonce = randomNonce();
  #inFlight = 0;
  #pumpSoon = false;
  #cancelAlarm: (() => void) | null = null;
  #closed = false;

  /**
   * Makes a client. Nothing is sent before the first operation.
   * @throws {TypeError} if the cluster file is not what it should be; it says which field.
   * @throws {RangeError} if a number is out of range.
   */
  constructor(options: ClientOptions) {
    const cluster = parseClusterFile(options.cluster);
    const { limits } = cluster.genesis;
    const settings = settingsOf(options);
    this.#settings = settings;
    this.#window = limits.sessionWindow;
    this.#sessionIdleMs = limits.sessionIdleMs;
    this.#channel = new Channel({ ...settings, cluster, privateKey: options.keyPair?.privateKey });
    this.#pace = new Pace(limits);
    this.#queries = new Queries({
      ...settings,
      channel: this.#channel,
      needed: weakQuorum(cluster.genesis.replicas.length),
      order: async (operation, signal) => (await this.submit(operation, { signal })).value,
    });
    this.#waiting = new Waiting(limits, {
      maxOperations: settings.maxWaitingOperations,
      maxBytes: settings.maxWaitingBytes,
    });
  }

  /** The client's public key, by which the state machine knows it. */
  id(): Promise<ClientId> {
    return this.#channel.client();
  }

  /**
   * Has an operation executed and returns the state machine's answer, parsed as JSON.
   *
   * @throws {OperationRejectedError} if the state machine says no.
   * @throws {ClientError} the other kinds, each of which says by `effect` whether the operation may have taken effect.
   * @throws {TypeError} if the answer is not JSON, or has a number in it that JavaScript would round: the operation was executed, and
   * {@linkcode submit} gives the text.
   */
  async invoke<T = unknown>(operation: Operation, settings?: CallSettings): Promise<T> {
    return (await this.submit(operation, settings)).json<T>();
  }

  /**
   * Has an operation executed and returns the answer's bytes, its sequence number and a receipt.
   *
   * @throws {OperationRejectedError} if the state machine says no.
   * @throws {ClientError} the other kinds, each of which says by `effect` whether the operation may have taken effect.
   * @throws {RangeError} if the operation is longer than the cluster takes.
   */
  async submit(operation: Operation, settings: CallSettings = {}): Promise<Outcome> {
    const bytes = operationBytes(operation);
    if (this.#closed) throw new ClientClosedError("none");
    settings.signal?.throwIfAborted();
    this.#waiting.checkRoom(bytes);
    const call = new Call({
      operation: bytes,
      signal: settings.signal,
      deadline: this.#settings.timer.monotonic() + this.#settings.timeoutMs,
      onEnd: (ended) => this.#onEnd(ended),
    });
    this.#calls.add(call);
    this.#waiting.add(call);
    this.#watchDeadlines();
    this.#schedulePump();
    return await call.promise;
  }

  /**
   * Has a read answered without ordering it: a quorum of replicas that say the same, each from its own state. Linearizable: it sees
   * everything that anybody was told before. If no quorum agrees, and f + 1 replicas say that it is a read, it is ordered instead.
   *
   * @returns the state machine's answer, parsed as JSON; {@linkcode queryBytes} has the bytes.
   * So many queries are under way at once (`maxQueriesInFlight`), the others wait for their turn, within `timeoutMs`.
   *
   * @throws {QueryRejectedError} if it is not a read, or the state machine says no; nothing was changed.
   * @throws {ClientError} the other kinds, as {@linkcode submit} does.
   */
  async query<T = unknown>(operation: Operation, settings?: CallSettings): Promise<T> {
    return jsonOf<T>(await this.queryBytes(operation, settings));
  }

  /** {@linkcode query} for state machines whose answers are not JSON. */
  async queryBytes(operation: Operation, { signal }: CallSettings = {}): Promise<Uint8Array> {
    const bytes = operationBytes(operation);
    if (this.#closed) throw new ClientClosedError("none");
    signal?.throwIfAborted();
    this.#waiting.checkRoom(bytes);
    return await this.#queries.query(bytes, signal);
  }

  /** Ends it: calls that are under way reject with a {@linkcode ClientClosedError}, connections are given up. */
  close(): void {
    this.#closed = true;
    for (const call of [...this.#calls]) call.clientClosed();
    this.#queries.close();
  }

  /** Lets the calls of this turn of the event loop gather, so that they travel together. */
  #schedulePump(): void {
    if (this.#pumpSoon) return;
    this.#pumpSoon = true;
    this.#settings.timer.soon(() => {
      this.#pumpSoon = false;
      this.#pump();
    });
  }

  /** Sends what waits, as far as there is room on the way. */
  #pump(): void {
    while (this.#waiting.size > 0 && this.#inFlight < (this.#pace.isOneByOne ? 1 : this.#settings.maxInFlight)) {
      const session = this.#presentSession();
      if (session === null) {
        if (this.#opening === null) void this.#openSession();
        return;
      }
      if (!session.hasRoom) return;
      void this.#send(session, new Bundle(this.#waiting.takeBundle(this.#pace.maxOperations)));
    }
  }

  /** A session that was idle for long may be gone; a new one spares the caller a doubt about his operation. */
  #presentSession(): Session | null {
    const idleMs = this.#settings.timer.monotonic() - this.#sessionUsed;
    if (this.#inFlight === 0 && idleMs >= this.#sessionIdleMs / 2) this.#session = null;
    return this.#session;
  }

  async #openSession(): Promise<void> {
    const opening = new AbortController();
    this.#opening = opening;
    try {
      const request = { session: 0, timestamp: this.#nonce, lowestUnanswered: 0, operations: [] };
      const { votes } = await this.#channel.send(request, opening.signal);
      this.#nonce = randomNonce();
      const [opened] = votes[0]!.reply.results;
      if (opened!.status !== "ok") throw refusalOf(opened!);
      this.#session = new Session(Number(fromUtf8(opened!.value)), this.#window);
      this.#sessionUsed = this.#settings.timer.monotonic();
    } catch (error) {
      if (!opening.signal.aborted) { for (const call of this.#waiting.all()) call.reject(error); }
    } finally {
      this.#opening = null;
      this.#schedulePump();
    }
  }

  async #send(session: Session, bundle: Bundle): Promise<void> {
    const timestamp = session.take();
    this.#inFlight++;
    this.#sessionUsed = this.#settings.timer.monotonic();
    const { lowestUnanswered } = session;
    const operations = bundle.calls.map((call) => call.operation);
    try {
      const request = { session: session.id, timestamp, lowestUnanswered, operations };
      let answered = await this.#channel.send(request, bundle.abandoned);
      if (mustAcknowledge(answered)) {
        // Under the same timestamp, so that it runs once at most, whichever copy comes first.
        await session.untilLowest(timestamp);
        answered = await this.#channel.send({ ...request, lowestUnanswered: timestamp }, bundle.abandoned);
      }
      if (hasLostItsSession(answered) && this.#session === session) this.#session = null;
      this.#pace.learn(answered.votes[0]!.reply.results);
      const left = settle(bundle, answered);
      for (const call of left) call.bundle = null;
      this.#waiting.putBack(left);
    } catch (error) {
      for (const call of bundle.calls) call.reject(error);
    } finally {
      session.done(timestamp);
      this.#inFlight--;
      this.#schedulePump();
    }
  }

  #onEnd(call: Call): void {
    this.#calls.delete(call);
    this.#waiting.remove(call);
    call.bundle?.leave();
    if (this.#waiting.size === 0) this.#opening?.abort();
    if (this.#calls.size > 0) return;
    this.#cancelAlarm?.();
    this.#cancelAlarm = null;
  }

  /** One timer for all calls: they all get the same time, so the oldest is the first to run out. */
  #watchDeadlines(): void {
    const [oldest] = this.#calls;
    if (this.#cancelAlarm !== null || oldest === undefined) return;
    const { timer, timeoutMs } = this.#settings;
    this.#cancelAlarm = after(timer, oldest.deadline - timer.monotonic(), () => {
      this.#cancelAlarm = null;
      for (const call of this.#calls) {
        if (call.deadline > timer.monotonic()) break;
        call.timeOut(timeoutMs);
      }
      this.#watchDeadlines();
    });
  }
}
