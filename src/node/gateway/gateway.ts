/**
 * The gateway: has operations of unsigned clients ordered. It bundles operations that arrive together under this
 * replica's signature (a gateway request), and answers each operation once f + 1 replicas agree on the result.
 *
 * A gateway request is valid until an agreed time, computed from the agreed time of this replica at signing; no clock
 * is involved. The agreed time may pass that in one batch, for instance after idle hours, or because this replica was
 * behind. The request then expires. When this replica has executed that batch too, it knows that the request was not
 * executed, and signs the same operations again.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import { type Digest, type Millis, millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { GatewayOperation, GatewayRequest, Reply, SignedRequest, Verified } from "../../core/messages/messages.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import { abortable } from "../async/abort.ts";
import { deferred } from "../async/deferred.ts";
import type { NodeLimits } from "../limits.ts";
import type { Rejection, Timer } from "../ports.ts";
import { Gathering } from "./gathering.ts";
import {
  answerOf,
  checkOperation,
  countFitting,
  type GatewayAnswer,
  type GatewayCall,
  isExpired,
  maxOperationsOf,
  operationBytes,
  operationsOf,
  rejected,
} from "./gateway_operations.ts";

/** A gateway request to be ordered. */
export interface Bundle {
  readonly request: Verified<SignedRequest<GatewayRequest>>;
  /** Rejects it, as the replica is overloaded: the callers are told. */
  refuse(rejection: Rejection): void;
}

/** Options of {@linkcode Gateway}. */
export interface GatewayOptions {
  readonly self: ReplicaId;
  readonly genesis: Genesis;
  readonly timer: Timer;
  /** The agreed time of the last batch that this replica has executed. */
  readonly agreedTime: () => Millis;
  /** False while others have executed batches, and this replica none: what it signed by its own agreed time, 0, would have expired. */
  readonly knowsTime: () => boolean;
  readonly limits: Pick<NodeLimits, "maxGatewayOperations" | "maxGatewayBytes" | "maxBundlesInFlight">;
  readonly sign: (request: GatewayRequest) => Verified<SignedRequest<GatewayRequest>>;
  /** Called when there are bundles to {@linkcode Gateway.take}, after other input that arrives now. */
  readonly wake: () => void;
  /** Sends the request to all replicas again, as replies may have been lost. */
  readonly resend: (request: Verified<SignedRequest<GatewayRequest>>) => void;
}

interface Call extends GatewayCall {
  readonly resolve: (answer: GatewayAnswer | Rejection) => void;
}

interface InFlight {
  readonly request: Verified<SignedRequest<GatewayRequest>>;
  readonly calls: readonly Call[];
  /** The agreed time when its operations were first signed. */
  readonly signedAt: Millis;
  /** When to give up, ms of the monotonic clock. */
  readonly giveUpAt: number;
  /** Whether this replica has skipped numbers since then; the operations may have been executed in those. */
  hasSkipped: boolean;
  /** The last reply of each replica. */
  readonly replies: Tally<Reply>;
  cancelAlarm: () => void;
  resendAfterMs: number;
}

/** Validity of a gateway request, ms of agreed time; at most half of the time for which names are remembered. */
const VALID_MS = 60_000;
/** Time without agreement after which the gateway gives up, ms. */
const GIVE_UP_MS = 60_000;
/** Time without agreement after which a request is sent again, ms; doubles each time. */
const RESEND_AFTER_MS = 1_000;
const MAX_RESEND_AFTER_MS = 8_000;
/** Maximum overhead of a request beside its operations, bytes. */
const REQUEST_OVERHEAD_BYTES = 256;

/** The gateway of one node. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #needed: number;
  readonly #maxOperations: number;
  #waiting: Call[] = [];
  readonly #inFlight = new Map<Digest, InFlight>();
  /** Totals of all unanswered calls. */
  #operations = 0;
  #bytes = 0;
  /** Expired bundles, to be signed again. */
  #expired: InFlight[] = [];
  /** Whether calls wait until the agreed time is known. */
  #isHeld = false;
  readonly #gathering: Gathering;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#needed = weakQuorum(options.genesis.replicas.length);
    this.#gathering = new Gathering(options);
    this.#maxOperations = maxOperationsOf(options.genesis);
  }

  /** Unanswered operations, their bytes, and the bundles in flight. */
  get usage(): { readonly operations: number; readonly bytes: number; readonly bundles: number } {
    return { operations: this.#operations, bytes: this.#bytes, bundles: this.#inFlight.size };
  }

  /** The requests in flight. */
  requests(): readonly Verified<SignedRequest<GatewayRequest>>[] {
    return Array.from(this.#inFlight.values(), ({ request }) => request);
  }

  /**
   * Has operations ordered. They stay together, in order, under one signature. If `signal` aborts, this rejects with
   * its reason; the operations may still be executed.
   * @throws {TypeError} or {@linkcode RangeError} if an operation is invalid.
   */
  vouch(operations: readonly GatewayOperation[], signal?: AbortSignal): Promise<GatewayAnswer | Rejection> {
    if (operations.length === 0) throw new RangeError("operations: expected at least one, got none");
    operations.forEach(checkOperation);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const bytes = operations.reduce((sum, operation) => sum + operationBytes(operation), 0);
    const rejection = this.#refusal(operations.length, bytes);
    if (rejection) return Promise.resolve(rejection);
    const { promise, resolve } = deferred<GatewayAnswer | Rejection>();
    const call: Call = { operations, bytes, resolve };
    this.#waiting.push(call);
    this.#operations += operations.length;
    this.#bytes += bytes;
    this.#options.wake();
    return abortable(promise.finally(() => this.#done(call)), signal, () => {
      this.#waiting = this.#waiting.filter((waiting) => waiting !== call);
      if (this.#waiting.length === 0) this.#gathering.stop();
      resolve({ reason: "unavailable", kind: "gateway-request", detail: "the caller aborted" });
    });
  }

  /** Makes bundles of the waiting calls, up to the maximum in flight. */
  take(): readonly Bundle[] {
    this.#isHeld = !this.#options.knowsTime();
    if (this.#isHeld) return [];
    const bundles: Bundle[] = [];
    const add = (request: InFlight["request"]) =>
      void bundles.push({ request, refuse: (rejection) => this.#finish(request.digest, rejection) });
    for (const bundle of this.#expired.splice(0)) add(this.#sign(bundle));
    while (this.#waiting.length > 0 && this.#inFlight.size < this.#options.limits.maxBundlesInFlight) {
      const waiting = operationsOf(this.#waiting);
      if (waiting < this.#maxOperations && !this.#gathering.isComplete(waiting, this.#operations - waiting)) break;
      const giveUpAt = this.#options.timer.monotonic() + GIVE_UP_MS;
      add(this.#sign({ calls: this.#takeCalls(), signedAt: this.#options.agreedTime(), giveUpAt, hasSkipped: false }));
    }
    return bundles;
  }

  /** Processes events: after a state transfer this replica has not executed everything itself. */
  hear(events: readonly ReplicaEvent[]): void {
    if (this.#isHeld && this.#options.knowsTime()) this.#options.wake();
    if (!events.some(({ kind }) => kind === "state-transfer")) return;
    for (const bundle of this.#inFlight.values()) bundle.hasSkipped = true;
  }

  /**
   * Processes a reply: a verified one, or this replica's own. Returns whether it is its replica's first one to a bundle in
   * flight.
   */
  onReply(reply: Reply): boolean {
    const bundle = this.#inFlight.get(reply.request);
    if (!bundle) return false;
    const isFirst = !bundle.replies.has(reply.replica);
    this.#tally(bundle, reply);
    return isFirst;
  }

  #tally(bundle: InFlight, reply: Reply): void {
    const { replica, request, results } = reply;
    const agreeing = bundle.replies.add(replica, reply);
    const hasExpired = results.some(isExpired) && this.#canSignAgain(bundle);
    if (hasExpired && replica === this.#options.self) return this.#signAgain(bundle);
    // Another replica's result says that it has expired. Wait until this replica has executed as far.
    if (hasExpired) return;
    if (agreeing.length < this.#needed) return;
    const tookMs = this.#options.timer.monotonic() - (bundle.giveUpAt - GIVE_UP_MS);
    this.#gathering.onAnswered(results.length, operationsOf(this.#waiting), tookMs);
    this.#finish(request, answerOf(reply, agreeing, this.#options));
  }

  /** Rejects all waiting calls. */
  stop(rejection: Rejection): void {
    this.#gathering.stop();
    for (const call of this.#waiting.splice(0)) call.resolve(rejection);
    for (const { calls } of this.#expired.splice(0)) for (const call of calls) call.resolve(rejection);
    for (const digest of [...this.#inFlight.keys()]) this.#finish(digest, rejection);
  }

  #refusal(count: number, bytes: number): Rejection | null {
    const { limits, genesis: { limits: { maxRequestBytes } } } = this.#options;
    const most = maxRequestBytes - REQUEST_OVERHEAD_BYTES;
    if (count > this.#maxOperations) {
      return rejected("too-large", `operations: expected at most ${this.#maxOperations}, got ${count}`);
    }
    if (bytes > most) return rejected("too-large", `operations: expected at most ${most} bytes in all, got ${bytes}`);
    if (this.#operations + count <= limits.maxGatewayOperations && this.#bytes + bytes <= limits.maxGatewayBytes) {
      return null;
    }
    return rejected(
      "overloaded",
      `${this.#operations} operations wait at this gateway, the maximum is ${limits.maxGatewayOperations} or ${limits.maxGatewayBytes} bytes; retry later, or at another replica`,
    );
  }

  #takeCalls(): readonly Call[] {
    const maxBytes = this.#options.genesis.limits.maxRequestBytes - REQUEST_OVERHEAD_BYTES;
    return this.#waiting.splice(0, countFitting(this.#waiting, { maxOperations: this.#maxOperations, maxBytes }));
  }

  #sign(what: Omit<InFlight, "request" | "replies" | "cancelAlarm" | "resendAfterMs">): InFlight["request"] {
    const { self, sign, agreedTime, genesis } = this.#options;
    const operations = what.calls.flatMap(({ operations }) => operations);
    let notAfter = agreedTime() + Math.min(VALID_MS, Math.floor(genesis.limits.nameIdleMs / 2));
    const next = () => sign({ kind: "gateway-request", gateway: self, notAfter: millis(notAfter), operations });
    let request = next();
    // Equal operations get different requests, so that each has its own replies.
    while (this.#inFlight.has(request.digest)) request = (notAfter++, next());
    const { calls, signedAt, giveUpAt, hasSkipped } = what;
    const bundle: InFlight = {
      request,
      calls,
      signedAt,
      giveUpAt,
      hasSkipped,
      replies: new Tally(({ results }, other) => equalResults(results, other.results)),
      cancelAlarm: () => {},
      resendAfterMs: RESEND_AFTER_MS,
    };
    this.#inFlight.set(request.digest, bundle);
    this.#setAlarm(bundle);
    return request;
  }

  /**
   * Whether the operations of an expired bundle were certainly not executed by it. This replica would have seen it; or,
   * where it has skipped numbers, it would still remember the names, which are kept for at least `nameIdleMs`.
   */
  #canSignAgain({ hasSkipped, signedAt }: InFlight): boolean {
    const { agreedTime, genesis: { limits } } = this.#options;
    return !hasSkipped || agreedTime() <= signedAt + limits.nameIdleMs;
  }

  #signAgain(bundle: InFlight): void {
    bundle.cancelAlarm();
    this.#inFlight.delete(bundle.request.digest);
    this.#expired.push(bundle);
    this.#options.wake();
  }

  #setAlarm(bundle: InFlight): void {
    const { timer } = this.#options;
    bundle.cancelAlarm = timer.schedule(millis(timer.now() + bundle.resendAfterMs), () => this.#onAlarm(bundle));
  }

  #onAlarm(bundle: InFlight): void {
    const { request } = bundle;
    if (this.#options.timer.monotonic() >= bundle.giveUpAt) {
      const detail =
        "no f + 1 replicas agreed in time; retry with the same timestamps: each operation is executed at most once";
      return this.#finish(request.digest, { reason: "unavailable", kind: "gateway-request", detail });
    }
    bundle.resendAfterMs = Math.min(2 * bundle.resendAfterMs, MAX_RESEND_AFTER_MS);
    this.#setAlarm(bundle);
    this.#options.resend(request);
  }

  #finish(digest: Digest, outcome: GatewayAnswer | Rejection): void {
    const bundle = this.#inFlight.get(digest);
    if (!bundle) return;
    this.#inFlight.delete(digest);
    bundle.cancelAlarm();
    let at = 0;
    for (const { operations, resolve } of bundle.calls) {
      const end = at + operations.length;
      resolve("reason" in outcome ? outcome : { ...outcome, results: outcome.results.slice(at, end) });
      at = end;
    }
    if (this.#waiting.length > 0) this.#options.wake();
  }

  #done({ operations, bytes }: Call): void {
    this.#operations -= operations.length;
    this.#bytes -= bytes;
  }
}
