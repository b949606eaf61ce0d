/**
 * Runs one replica: it receives frames, verifies them, steps the core, commits its records to the store, and only then
 * sends its messages. goPBFT's `Node`.
 * @module
 */
import type { Genesis, Settings } from "../core/config.ts";
import type { Digest, Millis, ReplicaId } from "../core/messages/ids.ts";
import type { Input, Ready } from "../core/io.ts";
import { failureOf } from "../core/ordering/machine_guard.ts";
import type {
  Commit,
  GatewayRequest,
  MessageKind,
  Prepare,
  SignedRequest,
  Verified,
  VouchedOperation,
} from "../core/messages/messages.ts";
import type { SignedQuery } from "../core/messages/queries.ts";
import { encodeFrame } from "../wire/mod.ts";
import { BlobReader } from "./storage/blob_reader.ts";
import { BlobServer } from "./out/blob_server.ts";
import { Delivery } from "./out/delivery.ts";
import { DurableReplica } from "./durable/durable_replica.ts";
import { sign, withDigest } from "./environment.ts";
import { termsOf, verifierOf } from "./epochs/cryptography.ts";
import { Gate } from "./in/gate.ts";
import { Gateway } from "./gateway/gateway.ts";
import type { GatewayAnswer } from "./gateway/gateway_operations.ts";
import { type FrameSource, Intake } from "./in/intake.ts";
import { createJitter } from "./async/backoff.ts";
import { nodeLimits } from "./limits.ts";
import { Observers } from "./observers.ts";
import { CRYPTOGRAPHY, type NodeInternals, type NodeOptions, seedOf } from "./options.ts";
import type { Observer, Rejection, Signer, Timer } from "./ports.ts";
import { OtherEpochError } from "./storage/store_errors.ts";
import { type Epoch, sayEntered } from "../wire/epochs/mod.ts";
import { type ScrubSchedule, startScrubbing } from "./repair/scrub.ts";
import { restore } from "./storage/opening.ts";
import { type NodeUsage, usageOf } from "./in/usage.ts";
import { dormantStatus, type NodeStatus } from "./status.ts";
import { type Parts, prepareParts } from "./parts.ts";
import { type Core, type Task, taskOf } from "./durable/task.ts";
import { type Submission, submit, type SubmitOptions, verify } from "./gateway/submit.ts";
import type { HostEvent } from "./host_event.ts";
import type { ChangeLog } from "./watching/change_log.ts";
import type { MessageListener } from "./watching/seen.ts";
import { Waiters } from "./gateway/waiters.ts";
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
  /** Its settings. */
  readonly settings: Settings;
  /** The changes of the last batches, for those who watch. */
  readonly changes: ChangeLog;
  readonly #signer: Signer;
  readonly #hash: (bytes: Uint8Array) => Digest;
  readonly #onClosed: NodeInternals["onClosed"];
  readonly #timer: Timer;
  readonly #gate: Gate;
  readonly #requests: Submission<Verified<SignedRequest>>;
  /** Queries have an intake of their own, so that any number of them delays nothing else. */
  readonly #queries: Submission<Verified<SignedQuery>>;
  readonly #replica: DurableReplica;
  readonly #delivery: Delivery;
  /** Whether the store has the state at which the epoch starts. */
  #hasState = false;
  readonly #gateway: Gateway;
  readonly #blobs: BlobServer;
  readonly #readBlobs: (digests: readonly Digest[]) => Promise<ReadonlyMap<Digest, Uint8Array>>;
  readonly #maxQueriesPerTurn: number;
  readonly #observers: Observers;
  /** The newest core. It may have been discarded already. */
  #core: Core | null = null;
  #isDraining = false;
  #closing: Promise<void> | null = null;

  private constructor(
    options: NodeOptions,
    { cluster, epoch, settings, signer, restoring, restored, createCore, gate, changes }: Parts,
    { onClosed, onOtherEpoch }: NodeInternals,
  ) {
    const { self, genesis, timer, store } = options;
    const cryptography = options.crypto ?? CRYPTOGRAPHY;
    const { hash } = cryptography;
    const terms = termsOf(epoch);
    const observers = new Observers(options.observers, hash);
    this.changes = changes;
    observers.add(changes);
    const limits = nodeLimits(genesis, options.limits);
    const jitter = createJitter(options.seed ?? seedOf(signer, timer));
    const waiters = new Waiters(limits.maxWaiters);
    const queries = new Waiters<Verified<SignedQuery>>(limits.maxWaitingQueries);
    this.self = self;
    this.genesis = genesis;
    this.cluster = cluster;
    this.epoch = epoch;
    this.settings = settings;
    this.#signer = signer;
    this.#hash = hash;
    this.#onClosed = onClosed;
    this.#timer = timer;
    this.#observers = observers;
    this.#maxQueriesPerTurn = limits.maxQueriesPerTurn;
    this.#gate = gate ?? new Gate({ ...limits, genesis: terms, verifier: verifierOf(epoch, cryptography), hash });
    this.#gateway = new Gateway({
      self,
      genesis,
      timer,
      agreedTime: () => this.#replica.agreedTime,
      limits,
      sign: (request) => this.#remember(withDigest(sign(signer, request), hash)),
      wake: () => this.#drainSoon(),
      resend: (request) => this.#resend(request),
    });
    const onOwnReply = (reply: Parameters<Gateway["onReply"]>[0]) => this.#gateway.onReply(reply);
    const n = genesis.replicas.length;
    this.#delivery = new Delivery({
      ...options,
      n,
      signer,
      hash,
      jitter,
      limits,
      waiters,
      queries,
      observers,
      onOwnReply,
    });
    const blobs = this.#blobs = new BlobServer({
      self,
      store,
      timer,
      send: (to, message) => this.#delivery.send({ to, message: sign(signer, message) }),
    });
    const intake = {
      gate: this.#gate,
      observers,
      limits,
      n,
      timer,
      // A host that stores all its inputs would lose the votes that are kept in memory.
      isSurplus: (vote: Prepare | Commit) => !options.persistInputs && !!this.#replica.core?.isSurplus?.(vote),
      maxSurplusVotes: 2 * n * genesis.logWindow,
      missing: () => this.#core?.missingBodies?.(),
      unavailable: () => this.#unavailable(),
      wake: () => this.#drainSoon(),
      onReply: onOwnReply,
      onFetch: blobs.answer.bind(blobs),
      onHeard: (...heard: Parameters<Delivery["heard"]>) => this.#delivery.heard(...heard),
    };
    this.#requests = { kind: "request", intake: new Intake(intake), waiters };
    const queryLimits = { ...limits, maxInboxFrames: limits.maxWaitingQueries };
    this.#queries = { kind: "query", intake: new Intake({ ...intake, limits: queryLimits }), waiters: queries };
    this.#replica = new DurableReplica({
      store,
      timer,
      jitter,
      limits,
      canRepair: genesis.replicas.length > 1,
      dormant: dormantStatus(terms, restored.storedState),
      restore: async (known) => {
        try {
          return await restore(store, { genesis, cluster, epoch: epoch.number, self, hash }, { ...restoring, known });
        } catch (error) {
          if (error instanceof OtherEpochError) onOtherEpoch?.();
          throw error;
        }
      },
      read: this.#readBlobs = (digests) => new BlobReader(store, hash).read(digests),
      createCore: (storedState) => {
        this.#core = createCore(storedState);
        if (this.#core.status().lastExecuted >= (epoch.start?.sequence ?? 0)) this.#hasState = true;
        return this.#core;
      },
      release: (ready, now) => this.#release(ready, now),
      outstanding: () => this.#outstanding(),
      onCommit: (...commit) => observers.notify((o) => o.onCommit?.(...commit)),
      onFault: (fault) => observers.notify((o) => o.onFault?.(fault)),
      onMachineError: (error) => observers.notify((o) => o.onEvent?.(failureOf(error), timer.now())),
      onStoreFailure: (reason) => observers.notify((o) => o.onHostEvent?.({ kind: "store-failed", reason })),
      onStop: () => this.#refuseAll(),
    });
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
    return this.#requests.intake.receive(frames, accept, by);
  }

  /**
   * As {@linkcode ReplicaNode.receive}, for one message of a member's stream, to which nothing is answered. `answer` is called for each
   * frame: with `null` if it was accepted.
   */
  stream(frames: readonly Uint8Array[], by: ReplicaId, answer: (rejection: Rejection | null) => void): void {
    this.#requests.intake.stream(frames, by, answer);
  }

  /**
   * Decodes a signed client's request and checks its signature, before {@linkcode ReplicaNode.submit}. Resolves with the
   * request, or with the reason why it is rejected.
   */
  verifyRequest(frame: Uint8Array): Promise<Verified<SignedRequest> | Rejection> {
    return verify(this.#requests, frame);
  }

  /** As {@linkcode ReplicaNode.verifyRequest}, for a query, before {@linkcode ReplicaNode.query}. */
  verifyQuery(frame: Uint8Array): Promise<Verified<SignedQuery> | Rejection> {
    return verify(this.#queries, frame);
  }

  /**
   * Submits a signed client's request, verified or as a frame. Resolves with this replica's signed reply as a frame,
   * after the execution, or with a rejection. If `signal` aborts, it rejects with the signal's reason; the request may
   * still be executed.
   */
  submit(request: Verified<SignedRequest> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return submit(this.#requests, request, options);
  }

  /**
   * As {@linkcode ReplicaNode.submit}, for a query. It is answered once the state contains everything that had prepared when
   * the query arrived. A client accepts an answer that a quorum of replicas agree on.
   */
  query(query: Verified<SignedQuery> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return submit(this.#queries, query, options);
  }

  /**
   * Acts as a gateway: has operations of unsigned clients ordered under this replica's signature. Resolves with the
   * results once f + 1 replicas agree on them, or with a rejection. If `signal` aborts, it rejects with the signal's
   * reason; the operations may still be executed.
   * @throws {TypeError} or {@linkcode RangeError} if an operation is invalid.
   */
  async vouch(operations: readonly VouchedOperation[], signal?: AbortSignal): Promise<GatewayAnswer | Rejection> {
    const refusal = this.#unavailable("gateway-request");
    const answered = this.#observers.messages?.asked(operations);
    const carried = this.#observers.vouching(operations.length);
    let answer: GatewayAnswer | Rejection | null = null;
    try {
      answer = refusal ?? await this.#gateway.vouch(operations, signal);
      answered?.(answer);
      return answer;
    } finally {
      carried?.(answer && "request" in answer ? answer.request : null);
    }
  }

  /** The highest timestamp that this replica knows of an unsigned client's name (-1: none), and the agreed time. */
  lastOf(name: string): { readonly timestamp: number; readonly agreedTime: Millis } {
    return { timestamp: this.#replica.core?.highestTimestampOf?.(name) ?? -1, agreedTime: this.#replica.agreedTime };
  }

  /** The frames of the last stable checkpoint's certificate, for a snapshot; none before the first one, or while halted. */
  stableCertificate(): readonly Uint8Array[] {
    return (this.#replica.core?.stable ?? []).map((checkpoint) => encodeFrame(checkpoint));
  }

  /** Blobs of the state by their digests, for a snapshot: as many from the first on as one answer may hold. */
  readBlobs(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    return this.#blobs.read(digests);
  }

  /** What it says once its store has the state at which its epoch starts; `null` before, in epoch 0, and while halted. */
  entered(): { readonly member: number; readonly signature: Uint8Array } | null {
    return this.#hasState && this.#replica.core ? sayEntered(this.epoch, this.self, this.#signer) : null;
  }

  /** How many of the other members it has heard within the last `ms`. */
  heardSince(ms: number): number {
    const since = this.#timer.now() - ms;
    const heardAt = [...this.#replica.core?.peers?.().heardAt ?? []];
    return heardAt.filter(([peer, at]) => peer !== this.self && at >= since).length;
  }

  /** The blobs that it needs of the state at which its epoch starts. Members of the epoch before have them, too. */
  wantedState(): readonly Digest[] {
    return this.#replica.core?.wantedState?.() ?? [];
  }

  /** The frame of a signed fetch, with which it asks members of the epoch before. */
  signFetch(digests: readonly Digest[]): Uint8Array {
    return encodeFrame(sign(this.#signer, { kind: "fetch", replica: this.self, number: 0, digests }));
  }

  /** Takes blobs that somebody has given. Each counts only if it has a digest that is wanted. */
  receiveState(blobs: readonly Uint8Array[]): void {
    const fetched = blobs.map((bytes) => ({ digest: this.#hash(bytes), bytes }));
    this.#replica.run([{ input: { kind: "blobs", from: this.self, blobs: fetched } }]);
  }

  /**
   * Reads the state of the last checkpoint again in the background, at intervals and at a bounded rate, until `signal`
   * aborts. Blobs that the store has lost or damaged are fetched from the others.
   */
  scrub(schedule: ScrubSchedule, signal: AbortSignal): void {
    startScrubbing({
      ...schedule,
      timer: this.#timer,
      signal,
      root: () => this.#replica.core?.status().stateRoot ?? null,
      read: this.#readBlobs,
      onDamaged: (digests) => {
        this.report({ kind: "state-damaged", blobs: digests.length });
        this.#replica.run([{ input: { kind: "damaged-blobs", digests } }]);
      },
    });
  }

  /** The status of the node. */
  status(): NodeStatus {
    return {
      name: this.genesis.replicas[this.self]!.name,
      self: this.self,
      replica: this.#replica.status,
      ...this.#delivery.status(this.#replica.status.view),
      inbox: this.#requests.intake.frames,
      ...this.#replica.record,
    };
  }

  /** Buffers in use now, for tests. Everything is 0 once all has been answered. @internal */
  usage(): NodeUsage {
    return usageOf(this.#requests, this.#queries, this.#gateway);
  }

  /** Signs what is said to those who watch. */
  signChanges(bytes: Uint8Array): Uint8Array {
    return this.#signer.sign("changes", bytes);
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
    await this.#delivery.flushed();
  }

  /**
   * For a host whose timers do not run while it sleeps: handles overdue alarms, and resolves as {@linkcode ReplicaNode.sent}
   * does.
   */
  wake(): Promise<void> {
    this.#replica.run([{ input: { kind: "alarm" } }]);
    return this.sent();
  }

  /**
   * As primary, before a stop: asks the others to go on to the next view without waiting for a timeout. `handOver` also
   * waits for the next view.
   */
  askHandOver(): void {
    this.#replica.run([{ input: { kind: "hand-over" } }]);
  }

  /** Stops accepting input, finishes the running commit, and closes the store. */
  close(): Promise<void> {
    return this.#closing ??= this.#replica.close().finally(() => {
      this.#delivery.close();
      this.changes.close();
    });
  }

  #drainSoon(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#timer.soon(() => {
      this.#isDraining = false;
      this.#replica.run(this.#inputs());
      if (this.#queries.intake.hasMore || this.#requests.intake.hasMore) this.#drainSoon();
    });
  }

  /** What has come in, one at a time. */
  *#inputs(): Generator<Task, void> {
    yield* this.#requests.intake.drain();
    // A new member of a later epoch knows the agreed time once it has the state.
    const knowsTime = this.epoch.number === 0 || this.#replica.agreedTime > 0;
    if (knowsTime) { for (const bundle of this.#gateway.take()) yield taskOf(bundle); }
    yield* this.#queries.intake.drain(this.#maxQueriesPerTurn);
  }

  #release({ events, messages, replies, answers, offers = [], closed }: Ready, now: Millis): void {
    this.#gateway.hear(events);
    if (events.some(({ kind }) => kind === "state-transfer")) this.#drainSoon();
    // Events are released once the records of their step are durable.
    if (events.some((event) => event.kind === "state-transfer" && event.phase === "finished")) this.#hasState = true;
    for (const event of events) this.#observers.notify((o) => o.onEvent?.(event, now));
    this.#delivery.release({ messages, replies, answers });
    this.#blobs.offer(offers);
    if (closed) this.#onClosed?.(closed);
  }

  #remember(own: SignedRequest<GatewayRequest>): Verified<SignedRequest<GatewayRequest>> {
    const request = own as Verified<SignedRequest<GatewayRequest>>;
    this.#gate.remember(request);
    return request;
  }

  #resend(request: Verified<SignedRequest>): void {
    this.#delivery.send({ to: "all", message: request });
    this.#replica.run([{ input: { kind: "request", request } }]);
  }

  /** Requests and queries that callers wait for here, so that a reloaded replica gets them again. */
  #outstanding(): readonly Input[] {
    const requests = [...this.#requests.waiters.asked(), ...this.#gateway.requests()];
    return [
      ...requests.map((request) => ({ kind: "request", request }) as const),
      ...this.#queries.waiters.asked().map((query) => ({ kind: "query", query }) as const),
    ];
  }

  #refuseAll(): void {
    this.#requests.waiters.resolveAll(this.#unavailable("request")!);
    this.#queries.waiters.resolveAll(this.#unavailable("query")!);
    this.#gateway.stop(this.#unavailable("gateway-request")!);
  }

  #unavailable(kind: Rejection["kind"] = "unknown"): Rejection | null {
    const { stopped } = this.#replica.life;
    return stopped === null ? null : { reason: "unavailable", kind, detail: stopped };
  }
}
