/**
 * Runs one replica: takes frames in, has them verified, steps the replica, makes its records durable, then lets its
 * messages out. goPBFT's `Node`.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest, Millis, ReplicaId } from "../core/messages/ids.ts";
import type { Input, Ready } from "../core/io.ts";
import { failureOf } from "../core/ordering/machine_guard.ts";
import type { Recovered } from "../core/records.ts";
import type {
  GatewayRequest,
  MessageKind,
  SignedRequest,
  Verified,
  VouchedOperation,
} from "../core/messages/messages.ts";
import type { SignedQuery } from "../core/messages/queries.ts";
import { Replica } from "../core/replica.ts";
import { useKey } from "../crypto/mod.ts";
import { BlobReader } from "./storage/blob_reader.ts";
import { BlobServer } from "./out/blob_server.ts";
import { Delivery } from "./out/delivery.ts";
import { DurableReplica } from "./durable/durable_replica.ts";
import { createEnvironment, sign, withDigest } from "./environment.ts";
import { Gate } from "./in/gate.ts";
import { Gateway, type GatewayAnswer } from "./gateway/gateway.ts";
import { type FrameSource, Intake } from "./in/intake.ts";
import { createJitter } from "./async/backoff.ts";
import { nodeLimits } from "./limits.ts";
import { Observers } from "./observers.ts";
import { checkOptions, CRYPTOGRAPHY, type NodeOptions, seedOf } from "./options.ts";
import type { Observer, Rejection, Timer } from "./ports.ts";
import { restore } from "./storage/opening.ts";
import { type Room, roomOf } from "./in/room.ts";
import { dormantStatus, type NodeStatus } from "./status.ts";
import type { Parts } from "./parts.ts";
import { startOf } from "./storage/start.ts";
import { bounded } from "./storage/store_calls.ts";
import { type Core, taskOf } from "./durable/task.ts";
import { type Submission, submit, type SubmitOptions, verify } from "./gateway/submit.ts";
import type { Trouble } from "./trouble.ts";
import { Waiters } from "./gateway/waiters.ts";
export type { NodeOptions, SubmitOptions };

/** One replica, running. */
export class Node {
  /** Which of the genesis's replicas it is. */
  readonly self: ReplicaId;
  /** What the cluster is. */
  readonly genesis: Genesis;
  /** The cluster's id: the hash of the genesis. */
  readonly cluster: Digest;
  readonly #timer: Timer;
  readonly #gate: Gate;
  readonly #requests: Submission<Verified<SignedRequest>>;
  /** Queries have a way in of their own, so that no number of them holds up anything else. */
  readonly #queries: Submission<Verified<SignedQuery>>;
  readonly #replica: DurableReplica;
  readonly #delivery: Delivery;
  readonly #gateway: Gateway;
  readonly #blobs: BlobServer;
  readonly #maxQueriesPerTurn: number;
  readonly #observers: Observers;
  /** The newest; it may be void already. */
  #core: Core | null = null;
  #isDraining = false;
  #closing: Promise<void> | null = null;

  private constructor(options: NodeOptions, { cluster, signer, restoring, restored, createCore }: Parts) {
    const { self, genesis, timer, store } = options;
    const limits = nodeLimits(genesis, options.limits);
    const jitter = createJitter(options.seed ?? seedOf(signer, timer));
    const observers = new Observers(options.observers);
    const waiters = new Waiters(limits.maxWaiters);
    const queries = new Waiters<Verified<SignedQuery>>(limits.maxWaitingQueries);
    this.self = self;
    this.genesis = genesis;
    this.cluster = cluster;
    this.#timer = timer;
    this.#observers = observers;
    this.#maxQueriesPerTurn = limits.maxQueriesPerTurn;
    const { hash, createVerifier } = options.crypto ?? CRYPTOGRAPHY;
    this.#gate = options.gate ?? new Gate({ ...limits, genesis, verifier: createVerifier(cluster), hash });
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
    this.#delivery = new Delivery({ ...options, n, signer, jitter, limits, waiters, queries, observers, onOwnReply });
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
      dormant: dormantStatus(genesis, restored.recovered),
      restore: (known) => restore(store, { genesis, cluster, self, hash }, { ...restoring, known }),
      read: (digests) => new BlobReader(store, hash).read(digests),
      createCore: (recovered) => this.#core = createCore(recovered),
      release: (ready, now) => this.#release(ready, now),
      outstanding: () => this.#outstanding(),
      onCommit: (...commit) => observers.tell((o) => o.onCommit?.(...commit)),
      onFault: (fault) => observers.tell((o) => o.onFault?.(fault)),
      onMachineError: (error) => observers.tell((o) => o.onEvent?.(failureOf(error), timer.now())),
      onStoreFailure: (reason) => observers.tell((o) => o.onTrouble?.({ kind: "store-failed", reason })),
      onStop: () => this.#refuseAll(),
    });
  }

  /**
   * Starts a replica where its store left off. One that was halted stays so, and says it in its status.
   * @throws {TypeError} or {@linkcode RangeError} if an option is wrong; `StartError` if the store is empty, or is not;
   * `ForeignStoreError` if it is another replica's; `NewerStoreError`; `CorruptStoreError` if it is damaged; what the store throws.
   */
  static async open(options: NodeOptions): Promise<Node> {
    const { self, archive, timer } = options;
    const { genesis, settings, cluster, hash, signer, lazyLoading, ...checked } = checkOptions(options);
    const store = bounded(checked.store, { timer, timeoutMs: nodeLimits(genesis, options.limits).storeTimeoutMs });
    const start = startOf(options, signer.publicKey);
    const createCore = (recovered: Recovered) => {
      const stateMachine = options.stateMachine();
      const environment = createEnvironment({ self, genesis, settings, stateMachine, signer, hash });
      return options.createCore ? options.createCore(environment, recovered) : new Replica(environment, recovered);
    };
    const restoring = { persistInputs: options.persistInputs, lazyLoading, archives: archive !== undefined };
    const restored = await restore(store, { genesis, cluster, self, hash }, { ...restoring, start });
    useKey(signer.publicKey);
    const node = new Node({ ...options, store, genesis }, { cluster, signer, restoring, restored, createCore });
    node.#replica.start(restored);
    return node;
  }

  /**
   * Takes frames in. One answer each, in order: `null`, it was taken; it comes after the commit of what it caused.
   * `accept`: the kinds that are taken here; all if absent. `by`: who brings them, whom the host answers for if left out.
   */
  receive(
    frames: readonly Uint8Array[],
    accept?: readonly MessageKind[],
    by?: FrameSource,
  ): Promise<readonly (Rejection | null)[]> {
    return this.#requests.intake.receive(frames, accept, by);
  }

  /** Reads a signed client's frame and checks its signature: whose request it is, before {@linkcode Node.submit}; or what is wrong with it. */
  verifyRequest(frame: Uint8Array): Promise<Verified<SignedRequest> | Rejection> {
    return verify(this.#requests, frame);
  }

  /** As {@linkcode Node.verifyRequest}, before {@linkcode Node.query}. */
  verifyQuery(frame: Uint8Array): Promise<Verified<SignedQuery> | Rejection> {
    return verify(this.#queries, frame);
  }

  /**
   * Takes a signed client's request in, as it was verified or as a frame, and gives this replica's signed reply, as a frame, once it is
   * executed; or why there is none. If `signal` aborts, this rejects with its reason, and the request may be executed all the same.
   */
  submit(request: Verified<SignedRequest> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return submit(this.#requests, request, options);
  }

  /** As {@linkcode Node.submit}, of a query: answered once the state has what had prepared when it came. A client believes a quorum of equal answers. */
  query(query: Verified<SignedQuery> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return submit(this.#queries, query, options);
  }

  /**
   * As a gateway, has operations of unsigned clients ordered under this replica's signature, and gives the results once f + 1 replicas agree
   * on them; or why there are none. If `signal` aborts, this rejects with its reason, and they may be executed all the same.
   * @throws {TypeError} or {@linkcode RangeError} if an operation is not one.
   */
  async vouch(operations: readonly VouchedOperation[], signal?: AbortSignal): Promise<GatewayAnswer | Rejection> {
    return this.#unavailable("gateway-request") ?? await this.#gateway.vouch(operations, signal);
  }

  /** The highest timestamp that an unsigned client's name is known to have used here, and the agreed time. */
  lastOf(name: string): { readonly timestamp: number; readonly agreedTime: Millis } {
    return { timestamp: this.#replica.core?.highestTimestampOf?.(name) ?? -1, agreedTime: this.#replica.agreedTime };
  }

  /** How it is. */
  status(): NodeStatus {
    return {
      name: this.genesis.replicas[this.self]!.name,
      self: this.self,
      replica: this.#replica.status,
      ...this.#delivery.status(this.#replica.status.view),
      inbox: this.#requests.intake.frames,
      ...this.#replica.health.record,
    };
  }

  /** What is held for others now: nothing, once all is answered. @internal */
  room(): Room {
    return roomOf(this.#requests, this.#queries, this.#gateway);
  }

  /** Adds an observer; gives what removes it. */
  observe(observer: Observer): () => void {
    return this.#observers.add(observer);
  }

  /** Tells its observers of trouble that its host has noticed. */
  readonly report = (trouble: Trouble): void => this.#observers.tell((o) => o.onTrouble?.(trouble));

  /** Resolves once the commits under way are done, and what was let out is sent or its peer has failed: for `waitUntil`, and before a stop. */
  async sent(): Promise<void> {
    await this.#replica.committed();
    await this.#delivery.settled();
  }

  /** For a host whose timers don't run while it sleeps: does what is overdue, and resolves as {@linkcode Node.sent} does. */
  wake(): Promise<void> {
    this.#replica.run([{ input: { kind: "alarm" } }]);
    return this.sent();
  }

  /** As primary, before a stop: asks the others to go on to the next view, without the wait for a timeout. `handOver` waits for that. */
  askHandOver(): void {
    this.#replica.run([{ input: { kind: "hand-over" } }]);
  }

  /** Stops taking, finishes the commit that is under way, and closes the store. */
  close(): Promise<void> {
    return this.#closing ??= this.#replica.close().finally(() => this.#delivery.close());
  }

  #drainSoon(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#timer.soon(() => {
      this.#isDraining = false;
      const queries = this.#queries.intake.drain(this.#maxQueriesPerTurn);
      this.#replica.run([...this.#requests.intake.drain(), ...this.#gateway.take().map(taskOf), ...queries]);
      if (this.#queries.intake.hasMore || this.#requests.intake.hasMore) this.#drainSoon();
    });
  }

  #release({ events, messages, replies, answers, offers = [] }: Ready, now: Millis): void {
    this.#gateway.hear(events);
    for (const event of events) this.#observers.tell((o) => o.onEvent?.(event, now));
    this.#delivery.release({ messages, replies, answers });
    this.#blobs.offer(offers);
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

  /** What somebody here waits for, so that a replica that was read from its store gets it too. */
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
    const { stopped } = this.#replica.health;
    return stopped === null ? null : { reason: "unavailable", kind, detail: stopped };
  }
}
