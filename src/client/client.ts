/**
 * The client. It bundles any number of concurrent calls into few signed requests, and accepts a result when f + 1 replicas agree.
 * @module
 */
import type { ClientId, Digest } from "../core/messages/ids.ts";
import { fromUtf8 } from "../wire/codec/utf8.ts";
import { parseClusterFile } from "../wire/cluster_file.ts";
import type { Watched } from "../wire/watch.ts";
import type { BatchEvent, ChangeEvent, MissedEvent, Watch, WatchedKeys, WatchSettings } from "./watch/events.ts";
import { openWatch } from "./watch/watch.ts";
import { Bundle, Call } from "./calls/call.ts";
import { Channel } from "./calls/channel.ts";
import { ClientClosedError } from "./errors.ts";
import { type Operation, operationBytes } from "./calls/operation.ts";
import { type CallObserver, followed, tell } from "./observer.ts";
import { type ClientOptions, type ClientSettings, settingsOf } from "./options.ts";
import { type CallSettings, checkedBy, type WithSchema } from "./calls/settings.ts";
import { jsonOf, type Outcome } from "./calls/outcome.ts";
import type { OutputOf, StandardSchema } from "../machines/typed/values/schema.ts";
import { BundleLimit } from "./calls/bundle_limit.ts";
import { Deadlines } from "./calls/deadlines.ts";
import { Queries } from "./queries/queries.ts";
import { Session } from "./calls/session.ts";
import { deliver, hasLostSession, mustAcknowledge, refusalOf } from "./calls/results.ts";
import { later } from "./later/mod.ts";
import { KnownEpochs } from "./epochs/known_epochs.ts";
import { CallQueue } from "./calls/call_queue.ts";

/**
 * The client of a cluster. It accepts only results that f + 1 replicas have signed. Calls made at the same time share a
 * signed request and are executed in any order. To have one call executed before the next, await it.
 *
 * It runs in Deno, Node, Cloudflare Workers and browsers. While it is idle, it holds no timer and no connection.
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
  /** Ends all watches. */
  readonly #ended = new AbortController();
  readonly #epochs: KnownEpochs;
  readonly #channel: Channel;
  readonly #queue: CallQueue;
  readonly #bundleLimit: BundleLimit;
  readonly #queries: Queries;
  readonly #deadlines: Deadlines;
  #session: Session | null = null;
  /** When {@linkcode #session} was last used, ms of the monotonic clock. */
  #sessionUsed = 0;
  /** Aborts the opening of a session. `null`: no opening is in progress. */
  #opening: AbortController | null = null;
  /** The nonce of the next opening. It stays the same until an opening succeeds, so that a lost answer does not open a second session. */
  #nonce: number;
  #inFlight = 0;
  #pumpSoon = false;
  #closed = false;

  /**
   * Makes a client. It sends nothing before the first operation.
   * @throws {TypeError} if the cluster file is not valid; the error names the field.
   * @throws {RangeError} if a number is out of range.
   */
  constructor(options: ClientOptions) {
    const cluster = parseClusterFile(options?.cluster);
    const settings = settingsOf(options);
    this.#settings = settings;
    this.#nonce = settings.random();
    this.#epochs = new KnownEpochs({ ...settings, cluster });
    this.#channel = new Channel({ ...options, ...settings, epochs: this.#epochs });
    this.#bundleLimit = new BundleLimit(this.#epochs);
    this.#deadlines = new Deadlines(settings.timer, settings.timeoutMs, this.#channel);
    this.#queries = new Queries({
      ...settings,
      rules: this.#epochs,
      deadlines: this.#deadlines,
      channel: this.#channel,
      order: async (operation, signal) => (await this.submit(operation, { signal })).value,
    });
    this.#queue = new CallQueue(this.#epochs, settings);
  }

  /** The links of the chain of epochs that the client has followed, from epoch 0 on; empty while the genesis holds. */
  get chain(): readonly Uint8Array[] {
    return this.#epochs.chain;
  }

  /** The client's public key. The state machine knows the client by it. */
  id(): Promise<ClientId> {
    return this.#channel.client();
  }

  /**
   * Executes an operation and returns the state machine's result, parsed as JSON. A `schema` of any library with the Standard Schema
   * interface gives it a type and checks it.
   *
   * @throws {OperationRejectedError} if the state machine rejects the operation.
   * @throws {ClientError} for other failures. Its `effect` tells whether the operation may have been executed.
   * @throws {TypeError} if the result is not JSON, or contains a number that JavaScript would round. The operation was executed;
   * {@linkcode submit} gives the text of the result. Or if it is not what the schema asks for.
   */
  invoke<S extends StandardSchema>(operation: Operation, settings: WithSchema<S>): Promise<OutputOf<S>>;
  /** The same without a schema: the result is `unknown`, or of the type that the caller names, which nothing checks. */
  invoke<T = unknown>(operation: Operation, settings?: CallSettings): Promise<NoInfer<T>>;
  async invoke(operation: Operation, settings?: Partial<WithSchema<StandardSchema>>): Promise<unknown> {
    return checkedBy(settings?.schema, (await this.submit(operation, settings)).json());
  }

  /**
   * Executes an operation and returns the bytes of its result, its sequence number and a receipt.
   *
   * @throws {OperationRejectedError} if the state machine rejects the operation.
   * @throws {ClientError} for other failures. Its `effect` tells whether the operation may have been executed.
   * @throws {RangeError} if the operation is longer than the cluster accepts.
   */
  async submit(operation: Operation, settings: CallSettings = {}): Promise<Outcome> {
    const bytes = operationBytes(operation);
    // A later epoch may allow longer ones.
    if (bytes.length > this.#queue.longest) await (await later()).catchUp(this.#epochs);
    if (this.#closed) throw new ClientClosedError("none");
    settings.signal?.throwIfAborted();
    this.#queue.checkRoom(bytes);
    const observer = this.#observe("operation");
    const call: Call = new Call({
      operation: bytes,
      signal: settings.signal,
      deadline: this.#deadlines.next(),
      observer,
      onEnd: () => this.#onEnd(call),
    });
    this.#deadlines.add(call);
    this.#queue.add(call);
    this.#schedulePump();
    return await followed(call.promise, observer);
  }

  /**
   * Reads without ordering: replicas answer from their own state, and a quorum must give the same answer. The read is linearizable: it
   * sees every operation whose result any client got before. If no quorum agrees, but f + 1 replicas say that the operation is a read, it is
   * ordered instead. Queries made at the same time share a signed message; each is answered by itself.
   *
   * @returns the state machine's answer, parsed as JSON; {@linkcode queryBytes} returns the bytes.
   *
   * @throws {QueryRejectedError} if the operation is not a read, or the state machine rejects it. Nothing was changed.
   * @throws {ClientError} for other failures, as {@linkcode submit} does.
   */
  query<S extends StandardSchema>(operation: Operation, settings: WithSchema<S>): Promise<OutputOf<S>>;
  /** The same without a schema: the answer is `unknown`, or of the type that the caller names, which nothing checks. */
  query<T = unknown>(operation: Operation, settings?: CallSettings): Promise<NoInfer<T>>;
  async query(operation: Operation, settings?: Partial<WithSchema<StandardSchema>>): Promise<unknown> {
    return checkedBy(settings?.schema, jsonOf(await this.queryBytes(operation, settings)));
  }

  /** The same as {@linkcode query}, for answers that are not JSON. */
  async queryBytes(operation: Operation, { signal }: CallSettings = {}): Promise<Uint8Array> {
    const bytes = operationBytes(operation);
    if (bytes.length > this.#queue.longest) await (await later()).catchUp(this.#epochs);
    if (this.#closed) throw new ClientClosedError("none");
    signal?.throwIfAborted();
    this.#queue.checkRoom(bytes);
    return await followed(this.#queries.query(bytes, signal), this.#observe("query"));
  }

  /**
   * Watches the state: the changes of one key, of the keys with a prefix, or the batches. They come in order, each with its number and
   * the signatures of f + 1 replicas, without a gap and without a repeat, whichever connections break meanwhile. `from`: where to go on,
   * such as {@linkcode Watch.resumeAt} of an earlier watch. Replicas keep the last 4,096 batches, and 4 Mi characters of changes: who asks
   * for more, or reads too slowly, gets a `missed` event with the numbers that are gone.
   *
   * The end of the loop, `signal`, or {@linkcode close} ends it.
   * @throws {RangeError} if `from` is not a positive integer, or a key has more than 2,048 characters.
   *
   * @example
   * ```ts
   * import type { Client } from "@pbft/edge/client";
   * async function follow(client: Client) {
   *   for await (const event of client.watch({ prefix: "user/" })) {
   *     if (event.kind === "change") console.log(event.sequence, event.key, event.value);
   *     else console.log("missed", event.from, "to", event.through); // read the state anew
   *   }
   * }
   * ```
   */
  watch(watched: { readonly batches: true }, settings?: WatchSettings): Watch<BatchEvent | MissedEvent>;
  /** Watches one key, or the keys with a prefix. */
  watch(watched: WatchedKeys, settings?: WatchSettings): Watch<ChangeEvent | MissedEvent>;
  watch(watched: Watched, settings: WatchSettings = {}): Watch<BatchEvent | ChangeEvent | MissedEvent> {
    return openWatch(watched, settings, { ...this.#settings, epochs: this.#epochs, signal: this.#ended.signal });
  }

  /** Closes the client. Calls in progress reject with a {@linkcode ClientClosedError}, and their connections are dropped. */
  close(): void {
    this.#closed = true;
    this.#ended.abort();
    this.#deadlines.close();
  }

  #observe(kind: "operation" | "query"): CallObserver | undefined {
    const { observer } = this.#settings;
    return observer && tell(() => observer.onCall?.(kind));
  }

  /** Waits for one turn of the event loop, so that calls made in this turn share a request. */
  #schedulePump(): void {
    if (this.#pumpSoon) return;
    this.#pumpSoon = true;
    this.#settings.timer.soon(() => {
      this.#pumpSoon = false;
      this.#pump();
    });
  }

  /** Sends waiting operations while another request may be in flight. */
  #pump(): void {
    while (this.#queue.size > 0 && this.#inFlight < (this.#bundleLimit.isOneByOne ? 1 : this.#settings.maxInFlight)) {
      const session = this.#presentSession();
      if (session === null) {
        if (this.#opening === null) void this.#openSession();
        return;
      }
      if (!session.hasRoom) return;
      void this.#send(session, new Bundle(this.#queue.takeBundle(this.#bundleLimit.maxOperations)));
    }
  }

  /** The session to use, if any. One that was idle for long may have expired; a new one avoids an operation whose effect is unknown. */
  #presentSession(): Session | null {
    const idleMs = this.#settings.timer.monotonic() - this.#sessionUsed;
    if (this.#inFlight === 0 && idleMs >= this.#epochs.limits.sessionIdleMs / 2) this.#session = null;
    return this.#session;
  }

  async #openSession(): Promise<void> {
    const opening = new AbortController();
    this.#opening = opening;
    try {
      const request = { session: 0, timestamp: this.#nonce, lowestUnanswered: 0, operations: [] };
      const { votes } = await this.#channel.send(request, opening.signal);
      this.#nonce = this.#settings.random();
      const [opened] = votes[0]!.reply.results;
      if (opened!.status !== "ok") throw refusalOf(opened!);
      this.#session = new Session(Number(fromUtf8(opened!.value)), this.#epochs);
      this.#sessionUsed = this.#settings.timer.monotonic();
    } catch (error) {
      if (!opening.signal.aborted) { for (const call of this.#queue.all()) call.reject(error); }
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
      const onSigned = this.#settings.observer && ((digest: Digest) => bundle.tellSent(digest));
      let answered = await this.#channel.send(request, bundle.abandoned, onSigned);
      if (mustAcknowledge(answered)) {
        // It keeps its timestamp, so the operations run at most once, whichever copy is executed first.
        await session.untilLowest(timestamp);
        const again = { ...request, lowestUnanswered: timestamp };
        answered = await this.#channel.send(again, bundle.abandoned, onSigned);
      }
      if (hasLostSession(answered) && this.#session === session) this.#session = null;
      this.#bundleLimit.learn(answered.votes[0]!.reply.results);
      const left = deliver(bundle, answered);
      for (const call of left) call.bundle = null;
      this.#queue.putBack(left);
    } catch (error) {
      for (const call of bundle.calls) call.reject(error);
    } finally {
      session.done(timestamp);
      this.#inFlight--;
      this.#schedulePump();
    }
  }

  #onEnd(call: Call): void {
    this.#deadlines.delete(call);
    this.#queue.remove(call);
    call.bundle?.leave();
    if (this.#queue.size === 0) this.#opening?.abort();
  }
}
