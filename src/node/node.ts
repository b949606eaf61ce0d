/**
 * Runs one replica: it receives frames, verifies them, steps the core, commits its records to the store, and only then
 * sends its messages. goPBFT's `Node`.
 * @module
 */
import type { Genesis, Settings } from "../core/config.ts";
import type { Ready } from "../core/io.ts";
import type { ClientId, Digest, Millis, ReplicaId } from "../core/messages/ids.ts";
import type { GatewayOperation, MessageKind, SignedRequest, Verified } from "../core/messages/messages.ts";
import type { SignedQuery } from "../core/messages/queries.ts";
import type { Epoch } from "../wire/epochs/mod.ts";
import { encodeFrame } from "../wire/mod.ts";
import { type Task, taskOf } from "./durable/task.ts";
import type { EpochEntry } from "./epochs/epoch_start.ts";
import type { GatewayAnswer } from "./gateway/gateway_operations.ts";
import { submit, type SubmitOptions, verify } from "./gateway/submit.ts";
import type { HostEvent } from "./host_event.ts";
import type { FrameSource } from "./in/intake.ts";
import { type NodeUsage, usageOf } from "./in/usage.ts";
import type { NodeInternals, NodeOptions } from "./options.ts";
import { type Parts, prepareParts } from "./parts.ts";
import type { Observer, Rejection } from "./ports.ts";
import type { Scrubbed } from "./repair/scrub.ts";
import type { NodeStatus } from "./status.ts";
import type { ChangeLog } from "./watching/change_log.ts";
import type { MessageListener } from "./watching/seen.ts";
import { connect, type Connected, refusalOf } from "./wiring.ts";
export type { NodeOptions, SubmitOptions };

/** A running replica. */
export class ReplicaNode {
  /** The number of this replica in the genesis. */
  readonly self: ReplicaId;
  /** The genesis of the cluster. */
  readonly genesis: Genesis;
  /** The cluster's id: the hash of the genesis. */
  readonly cluster: Digest;
  /** The epoch that it runs in. */
  readonly epoch: Epoch;
  /** The genesis of epoch 0, and the links that lead from there to this epoch. */
  readonly past: NonNullable<NodeOptions["past"]>;
  /** Its settings. */
  readonly settings: Settings;
  /** The changes of the last batches, for those who watch. */
  readonly changes: ChangeLog;
  readonly #parts: Parts;
  readonly #onClosed: NodeInternals["onClosed"];
  readonly #replica: Connected["replica"];
  readonly #callers: Connected["callers"];
  readonly #observers: Connected["observers"];
  readonly #connected: Connected;
  #isDraining = false;
  #closing: Promise<void> | null = null;

  private constructor(options: NodeOptions, parts: Parts, internals: NodeInternals) {
    ({ self: this.self, genesis: this.genesis } = options);
    ({ cluster: this.cluster, epoch: this.epoch, settings: this.settings, changes: this.changes } = parts);
    this.past = options.past ?? { genesis: options.genesis, links: [] };
    this.#parts = parts;
    this.#onClosed = internals.onClosed;
    this.#connected = connect(options, parts, {
      wake: () => this.#drainSoon(),
      release: (ready, now) => this.#release(ready, now),
      onOtherEpoch: internals.onOtherEpoch,
    });
    ({ replica: this.#replica, callers: this.#callers, observers: this.#observers } = this.#connected);
  }

  /**
   * Starts a replica from its store. A replica that halted before stays halted, and its status says why.
   * @throws {TypeError} or {@linkcode RangeError} if an option is wrong; `StartError` if `start` does not fit the
   * store; `ForeignStoreError` if the store belongs to another replica; `NewerStoreError` if a newer version wrote it;
   * `CorruptStoreError` if it is damaged; and the errors of the store itself.
   */
  static open(options: NodeOptions): Promise<ReplicaNode> {
    return ReplicaNode.openWith(options, {});
  }

  /** As {@linkcode ReplicaNode.open}, with some parts replaced, for tests and simulations. @internal */
  static async openWith(options: NodeOptions, internals: NodeInternals): Promise<ReplicaNode> {
    const parts = await prepareParts(options, internals);
    const node = new ReplicaNode({ ...options, store: parts.store, genesis: parts.genesis }, parts, internals);
    node.#replica.start(parts.restored);
    return node;
  }

  /**
   * Receives frames. Resolves with one answer for each, in order: `null` if it was accepted, after the commit of what
   * it caused. `accept`: the kinds accepted here; all if left out. `by`: the source of the frames; by default the host,
   * which is then responsible for them.
   */
  receive(
    frames: readonly Uint8Array[],
    accept?: readonly MessageKind[],
    by?: FrameSource,
  ): Promise<readonly (Rejection | null)[]> {
    return this.#callers.requests.intake.receive(frames, accept, by);
  }

  /**
   * As {@linkcode ReplicaNode.receive}, for one message of a member's stream, to which nothing is answered. `answer` is called for each
   * frame: with `null` if it was accepted.
   */
  stream(frames: readonly Uint8Array[], by: ReplicaId, answer: (rejection: Rejection | null) => void): void {
    this.#callers.requests.intake.stream(frames, by, answer);
  }

  /** How long frames of this source wait, ms, as it has used up what it may cost this replica; 0: they need not. */
  restMs(by: FrameSource): number {
    return this.#callers.requests.intake.restMs(by);
  }

  /**
   * Decodes a signed client's request and checks its signature, before {@linkcode ReplicaNode.submit}. Resolves with the
   * request, or with the reason why it is rejected.
   */
  verifyRequest(frame: Uint8Array): Promise<Verified<SignedRequest> | Rejection> {
    return verify(this.#callers.requests, frame);
  }

  /** As {@linkcode ReplicaNode.verifyRequest}, for a query, before {@linkcode ReplicaNode.query}. */
  verifyQuery(frame: Uint8Array): Promise<Verified<SignedQuery> | Rejection> {
    return verify(this.#callers.queries, frame);
  }

  /**
   * Submits a signed client's request, verified or as a frame. Resolves with this replica's signed reply as a frame,
   * after the execution, or with a rejection. If `signal` aborts, it rejects with the signal's reason; the request may
   * still be executed.
   */
  submit(request: Verified<SignedRequest> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return submit(this.#callers.requests, request, options);
  }

  /**
   * As {@linkcode ReplicaNode.submit}, for a query. It is answered once the state contains everything that had prepared when
   * the query arrived. A client accepts an answer that a quorum of replicas agree on.
   */
  query(query: Verified<SignedQuery> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return submit(this.#callers.queries, query, options);
  }

  /**
   * Acts as a gateway: has operations of unsigned clients ordered under this replica's signature. Resolves with the
   * results once f + 1 replicas agree on them, or with a rejection. If `signal` aborts, it rejects with the signal's
   * reason; the operations may still be executed.
   * @throws {TypeError} or {@linkcode RangeError} if an operation is invalid.
   */
  vouch(operations: readonly GatewayOperation[], signal?: AbortSignal): Promise<GatewayAnswer | Rejection> {
    const refusal = refusalOf(this.#replica, "gateway-request");
    return this.#observers.around(
      operations,
      async () => refusal ?? await this.#callers.gateway.vouch(operations, signal),
    );
  }

  /** The highest timestamp that this replica knows of an unsigned client's name (-1: none), and the agreed time. */
  lastOf(name: string): { readonly timestamp: number; readonly agreedTime: Millis } {
    const { core, agreedTime } = this.#replica;
    return { timestamp: core?.highestTimestampOf?.(name) ?? -1, agreedTime };
  }

  /** Whether a client has this session open; `undefined` if this replica can't tell: it is behind, or is being reloaded. */
  hasSession(client: ClientId, session: number): boolean | undefined {
    const { core } = this.#replica;
    return core?.isBehind ? undefined : core?.hasSession?.(client, session);
  }

  /** The frames of the last stable checkpoint's certificate, for a snapshot; none before the first one, or while halted. */
  stableCertificate(): readonly Uint8Array[] {
    return (this.#replica.core?.stable ?? []).map((checkpoint) => encodeFrame(checkpoint));
  }

  /** Blobs of the state by their digests, for a snapshot: as many from the first on as one answer may hold. */
  readBlobs(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    return this.#connected.blobs.read(digests);
  }

  /** How it gets the state at which its epoch starts. */
  get epochStart(): EpochEntry {
    return this.#connected.epochStart;
  }

  /** How many of the other members it has heard within the last `ms`. */
  heardSince(ms: number): number {
    const heardAt = [...this.#replica.core?.peers?.().heardAt ?? []];
    return heardAt.filter(([peer, at]) => peer !== this.self && at >= this.#connected.timer.now() - ms).length;
  }

  /** The blobs that it needs of the state at which its epoch starts. Members of the epoch before have them, too. */
  wantedState(): readonly Digest[] {
    return this.#replica.core?.wantedState?.() ?? [];
  }

  /** What scrubbing reads of this replica's state, and whom it tells. */
  get scrubbed(): Scrubbed {
    return this.#connected.scrubbed;
  }

  /** The status of the node. */
  status(): NodeStatus {
    return {
      name: this.genesis.replicas[this.self]!.name,
      self: this.self,
      replica: this.#replica.status,
      ...this.#connected.delivery.status(this.#replica.status.view),
      inbox: this.#callers.requests.intake.frames,
      ...this.#replica.record,
    };
  }

  /** Buffers in use now, for tests. Everything is 0 once all has been answered. @internal */
  usage(): NodeUsage {
    return usageOf(this.#callers);
  }

  /** Signs a statement for watchers. */
  signChanges(bytes: Uint8Array): Uint8Array {
    return this.#parts.signer.sign("changes", bytes);
  }

  /** Adds an observer. Returns a function that removes it. */
  observe(observer: Observer): () => void {
    return this.#observers.add(observer);
  }

  /** Adds a listener of this replica's messages. Returns a function that removes it. While there is none, messages cost nothing more. */
  watch(listener: MessageListener): () => void {
    return this.#observers.watch(listener);
  }

  /** Reports an event of the host to the observers. */
  readonly report = (event: HostEvent): void => this.#observers.notify((o) => o.onHostEvent?.(event));

  /**
   * Resolves once running commits are done and all released messages have been sent, or their peers failed. For
   * `waitUntil`, and before a stop.
   */
  async sent(): Promise<void> {
    await this.#replica.committed();
    await this.#connected.delivery.flushed();
  }

  /** For a host whose timers do not run while it sleeps: handles overdue alarms, and resolves as {@linkcode ReplicaNode.sent} does. */
  wake(): Promise<void> {
    this.#replica.run([{ input: { kind: "alarm" } }]);
    return this.sent();
  }

  /** As primary, before a stop: asks the others to go on to the next view without waiting for a timeout. `handOver` also waits for it. */
  askHandOver(): void {
    this.#replica.run([{ input: { kind: "hand-over" } }]);
  }

  /** Stops accepting input, finishes the running commit, and closes the store. */
  close(): Promise<void> {
    return this.#closing ??= this.#replica.close().finally(() => {
      this.#connected.delivery.close();
      this.changes.close();
    });
  }

  // The loop: what comes in wakes it, the core is stepped with each input, and what a step gives is released once it is durable.

  #drainSoon(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#connected.timer.soon(() => {
      this.#isDraining = false;
      this.#replica.run(this.#inputs());
      if (this.#callers.hasMore) this.#drainSoon();
    });
  }

  /** What has come in, one at a time. */
  *#inputs(): Generator<Task, void> {
    const { requests, queries, gateway } = this.#callers;
    yield* requests.intake.drain();
    for (const bundle of gateway.take()) yield taskOf(bundle);
    yield* queries.intake.drain(this.#connected.maxQueriesPerTurn);
  }

  #release({ events, messages, replies, answers, offers = [], closed }: Ready, now: Millis): void {
    const { delivery, blobs, epochStart } = this.#connected;
    this.#callers.gateway.hear(events);
    epochStart.hear(events);
    for (const event of events) this.#observers.notify((o) => o.onEvent?.(event, now));
    delivery.release({ messages, replies, answers });
    blobs.offer(offers);
    if (closed) this.#onClosed?.(closed);
  }
}
