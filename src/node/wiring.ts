/**
 * Makes the parts of a node and connects them: who calls whom is all here, and only here. The node itself is the loop over them.
 * @module
 */
import type { Ready } from "../core/io.ts";
import type { Digest, Millis } from "../core/messages/ids.ts";
import type { Commit, Decision, GatewayRequest, Prepare, SignedRequest, Verified } from "../core/messages/messages.ts";
import type { SignedQuery } from "../core/messages/queries.ts";
import { failureOf } from "../core/ordering/machine_guard.ts";
import { createJitter } from "./async/backoff.ts";
import { DurableReplica } from "./durable/durable_replica.ts";
import type { Core } from "./durable/task.ts";
import { sign, withDigest } from "./environment.ts";
import { termsOf, verifierOf } from "./epochs/cryptography.ts";
import { EpochStart } from "./epochs/epoch_start.ts";
import { Callers } from "./gateway/callers.ts";
import { Gateway } from "./gateway/gateway.ts";
import { Waiters } from "./gateway/waiters.ts";
import { Gate } from "./in/gate.ts";
import { Intake } from "./in/intake.ts";
import { nodeLimits } from "./limits.ts";
import { Observers } from "./observers.ts";
import { CRYPTOGRAPHY, type NodeInternals, type NodeOptions, seedOf } from "./options.ts";
import { BlobServer } from "./out/blob_server.ts";
import { Delivery } from "./out/delivery.ts";
import type { Parts } from "./parts.ts";
import type { Rejection, Timer } from "./ports.ts";
import type { Scrubbed } from "./repair/scrub.ts";
import { dormantStatus } from "./status.ts";
import { BlobReader } from "./storage/blob_reader.ts";
import { restore } from "./storage/opening.ts";
import { OtherEpochError } from "./storage/store_errors.ts";

/** What the parts ask of the node's loop. */
export interface Loop {
  /** Something came in. */
  wake(): void;
  /** All that a step depends on is durable. */
  release(ready: Ready, now: Millis): void;
  readonly onOtherEpoch: NodeInternals["onOtherEpoch"];
}

/** The parts of a node, connected. */
export interface Connected {
  readonly replica: DurableReplica;
  readonly callers: Callers;
  readonly delivery: Delivery;
  readonly blobs: BlobServer;
  readonly observers: Observers;
  readonly epochStart: EpochStart;
  readonly timer: Timer;
  readonly maxQueriesPerTurn: number;
  /** What scrubbing reads, and whom it tells. */
  readonly scrubbed: Scrubbed;
}

/** Why a replica that has stopped accepts nothing; `null` if it has not. */
export function refusalOf(replica: DurableReplica, kind: Rejection["kind"] = "unknown"): Rejection | null {
  const { stopped } = replica.life;
  return stopped === null ? null : { reason: "unavailable", kind, detail: stopped };
}

/** Makes and connects the parts. */
export function connect(
  options: NodeOptions,
  { cluster, epoch, signer, restoring, restored, createCore, gate: given, changes }: Parts,
  loop: Loop,
): Connected {
  const { self, genesis, timer, store } = options;
  const cryptography = options.crypto ?? CRYPTOGRAPHY;
  const { hash } = cryptography;
  const terms = termsOf(epoch);
  const n = genesis.replicas.length;
  const limits = nodeLimits(genesis, options.limits);
  const jitter = createJitter(options.seed ?? seedOf(signer, timer));
  const observers = new Observers(options.observers, hash);
  observers.add(changes);
  /** The newest core. It may have been discarded already. */
  let core: Core | null = null;

  const gate = given ?? new Gate({ ...limits, genesis: terms, verifier: verifierOf(epoch, cryptography), hash });
  const gateway: Gateway = new Gateway({
    self,
    genesis,
    timer,
    agreedTime: () => replica.agreedTime,
    // Until the first batch of epoch 0 the agreed time is 0. A replica that lost its disk, is behind, or is new in a later epoch gets to know it.
    knowsTime: () =>
      replica.agreedTime > 0 || (epoch.number === 0 && !replica.core?.isBehind && !replica.status.recovering),
    limits,
    sign: (request) => {
      const own = withDigest(sign(signer, request), hash) as Verified<SignedRequest<GatewayRequest>>;
      gate.remember(own);
      return own;
    },
    wake: () => loop.wake(),
    resend: (request) => {
      delivery.send({ to: "all", message: request });
      replica.run([{ input: { kind: "request", request } }]);
    },
  });
  const onReply = gateway.onReply.bind(gateway);
  const waiters = new Waiters(limits.maxWaiters);
  const queries = new Waiters<Verified<SignedQuery>>(limits.maxWaitingQueries);
  const delivery = new Delivery({
    ...options,
    n,
    signer,
    hash,
    jitter,
    limits,
    waiters,
    queries,
    observers,
    onOwnReply: onReply,
    // A host that may stop the replica at any time stores the timers with each input, and can't go by a hint of the moment.
    onRefused: (peer) => !options.persistInputs && replica.run([{ input: { kind: "refused", peer } }]),
  });
  const blobs = new BlobServer({
    self,
    store,
    timer,
    send: (to, message) => delivery.send({ to, message: sign(signer, message) }),
  });
  const intake = {
    gate,
    observers,
    limits,
    n,
    timer,
    // A host that stores all its inputs would lose the votes that are kept in memory. Proofs of decisions are not kept.
    isSurplus: (vote: Prepare | Commit | Decision) =>
      (vote.kind === "decision" || !options.persistInputs) && !!replica.core?.isSurplus?.(vote),
    maxSurplusVotes: 2 * n * genesis.logWindow,
    missing: () => core?.missingBodies?.(),
    unavailable: () => refusalOf(replica),
    wake: () => loop.wake(),
    onReply,
    core: () => replica.core,
    onFetch: blobs.answer.bind(blobs),
    onHeard: (...heard: Parameters<Delivery["heard"]>) => delivery.heard(...heard),
  };
  const queryLimits = { ...limits, maxInboxFrames: limits.maxWaitingQueries };
  const callers = new Callers({
    requests: { kind: "request", intake: new Intake(intake), waiters },
    queries: { kind: "query", intake: new Intake({ ...intake, limits: queryLimits }), waiters: queries },
    gateway,
  });
  const epochStart = new EpochStart({ self, epoch, signer, hash, replica: () => replica });
  const readBlobs = (digests: readonly Digest[]) => new BlobReader(store, hash).read(digests);
  const replica: DurableReplica = new DurableReplica({
    store,
    timer,
    jitter,
    limits,
    canRepair: n > 1,
    dormant: dormantStatus(terms, restored.storedState),
    restore: async (known) => {
      try {
        return await restore(store, { genesis, cluster, epoch: epoch.number, self, hash }, { ...restoring, known });
      } catch (error) {
        if (error instanceof OtherEpochError) loop.onOtherEpoch?.();
        throw error;
      }
    },
    read: readBlobs,
    createCore: (storedState) => {
      core = createCore(storedState);
      epochStart.restored(core);
      return core;
    },
    release: (ready, now) => loop.release(ready, now),
    outstanding: () => callers.outstanding(),
    onCommit: (...commit) => observers.notify((o) => o.onCommit?.(...commit)),
    onFault: (fault) => observers.notify((o) => o.onFault?.(fault)),
    onMachineError: (error) => observers.notify((o) => o.onEvent?.(failureOf(error), timer.now())),
    onStoreFailure: (reason) => observers.notify((o) => o.onHostEvent?.({ kind: "store-failed", reason })),
    onStoreWorks: () => observers.notify((o) => o.onHostEvent?.({ kind: "store-works" })),
    onStop: () => callers.refuse((kind) => refusalOf(replica, kind)!),
  });
  const scrubbed: Scrubbed = {
    timer,
    root: () => replica.core?.status().stateRoot ?? null,
    dropCache: store.dropCache && (() => store.dropCache!()),
    read: readBlobs,
    onDamaged: (digests) => {
      observers.notify((o) => o.onHostEvent?.({ kind: "state-damaged", blobs: digests.length }));
      replica.run([{ input: { kind: "damaged-blobs", digests } }]);
    },
  };
  const { maxQueriesPerTurn } = limits;
  return { replica, callers, delivery, blobs, observers, epochStart, timer, maxQueriesPerTurn, scrubbed };
}
