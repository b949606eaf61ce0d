/**
 * Orders operations on behalf of unsigned clients: bundles those that come together under this replica's signature, and
 * answers each once f + 1 replicas agree on the results.
 *
 * How long a bundle is valid is counted in agreed time, from what this replica has executed when it signs: no clock matters. Agreed time
 * may run past that in one batch, after idle hours for instance, or this replica was behind. Once this replica has executed so far, and so
 * knows that the bundle has expired and was not executed, it signs the same operations again.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { Genesis } from "../../core/config.ts";
import type { Event } from "../../core/events.ts";
import { type Digest, type Millis, millis, type ReplicaId, type View } from "../../core/messages/ids.ts";
import type {
  GatewayRequest,
  Reply,
  Result,
  SignedRequest,
  Verified,
  VouchedOperation,
} from "../../core/messages/messages.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import { MAX_BODY_BYTES, pack } from "../../wire/mod.ts";
import { abortable } from "../async/abort.ts";
import { deferred } from "../async/deferred.ts";
import type { NodeLimits } from "../limits.ts";
import type { Rejection, Timer } from "../ports.ts";
import { checkOperation, isExpired, operationBytes, rejected } from "./gateway_operations.ts";

/** What became of vouched operations, once f + 1 replicas agree on it. */
export interface GatewayAnswer {
  /** The latest view that one of the voters said it is in. Not part of what they agree on. */
  readonly view: View;
  /** One per operation, in order. */
  readonly results: readonly Result[];
  /** The replicas that agree, ascending. */
  readonly voters: readonly ReplicaId[];
}

/** A bundle to be ordered. */
export interface Bundle {
  readonly request: Verified<SignedRequest<GatewayRequest>>;
  /** The replica has no room for it: those who wait for it are told. */
  refuse(rejection: Rejection): void;
}

/** What a gateway needs. */
export interface GatewayOptions {
  readonly self: ReplicaId;
  readonly genesis: Genesis;
  readonly timer: Timer;
  /** The agreed time as of the last batch that this replica has executed. */
  readonly agreedTime: () => Millis;
  readonly limits: Pick<NodeLimits, "maxVouchedOperations" | "maxVouchedBytes" | "maxBundlesInFlight">;
  readonly sign: (request: GatewayRequest) => Verified<SignedRequest<GatewayRequest>>;
  /** There is a bundle to take, or soon will be: call {@linkcode Gateway.take} once what arrives now has arrived. */
  readonly wake: () => void;
  /** No agreement for a while: send the request to all, as replies may have been lost. */
  readonly resend: (request: Verified<SignedRequest<GatewayRequest>>) => void;
}

interface Call {
  readonly operations: readonly VouchedOperation[];
  readonly bytes: number;
  readonly resolve: (answer: GatewayAnswer | Rejection) => void;
}

interface Vote {
  readonly view: View;
  readonly results: readonly Result[];
  /** Canonical bytes of the results, which replicas must agree on. */
  readonly packed: Uint8Array;
}

interface InFlight {
  readonly request: Verified<SignedRequest<GatewayRequest>>;
  readonly calls: readonly Call[];
  /** The agreed time when its operations were signed first. */
  readonly signedAt: Millis;
  /** When it is given up, monotonic ms. */
  readonly giveUpAt: number;
  /** Since then this replica has skipped numbers, in which they may have been executed. */
  hasSkipped: boolean;
  /** Of each replica, what it said last. */
  readonly votes: Map<ReplicaId, Vote>;
  cancelAlarm: () => void;
  resendAfterMs: number;
}

/** A bundle is valid for so long, ms of agreed time; half of what names are remembered for, if that is less. */
const VALID_MS = 60_000;
/** Without agreement for so long, a bundle is given up, ms. */
const GIVE_UP_MS = 60_000;
/** Without agreement for so long, a request is sent again; doubling, ms. */
const RESEND_AFTER_MS = 1_000;
const MAX_RESEND_AFTER_MS = 8_000;
/** NodeUsage for what surrounds the operations in a request, bytes. */
const REQUEST_OVERHEAD_BYTES = 256;
/** NodeUsage for what surrounds a result's value in a reply, bytes. */
const RESULT_OVERHEAD_BYTES = 32;

/** The gateway of one node. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #needed: number;
  readonly #maxOperations: number;
  #waiting: Call[] = [];
  readonly #inFlight = new Map<Digest, InFlight>();
  /** Of all calls that are not answered yet. */
  #operations = 0;
  #bytes = 0;
  /** Bundles that have expired, to be signed again. */
  #expired: InFlight[] = [];

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { replicas, limits } = options.genesis;
    this.#needed = weakQuorum(replicas.length);
    // The reply must fit into one frame, however long the results are.
    const fitting = Math.floor(MAX_BODY_BYTES / (limits.maxResultBytes + RESULT_OVERHEAD_BYTES)) - 1;
    this.#maxOperations = Math.max(1, Math.min(limits.maxRequestOperations, fitting));
  }

  /** Operations of calls that are not answered yet, their bytes, and the bundles that are under way. */
  get usage(): { readonly operations: number; readonly bytes: number; readonly bundles: number } {
    return { operations: this.#operations, bytes: this.#bytes, bundles: this.#inFlight.size };
  }

  /** The bundles that are under way. */
  requests(): readonly Verified<SignedRequest<GatewayRequest>>[] {
    return Array.from(this.#inFlight.values(), ({ request }) => request);
  }

  /**
   * Has operations ordered. They stay together, in order, under one signature. If `signal` aborts, this rejects with its
   * reason, and they may be ordered all the same.
   * @throws {TypeError} or {@linkcode RangeError} if an operation is not one.
   */
  vouch(operations: readonly VouchedOperation[], signal?: AbortSignal): Promise<GatewayAnswer | Rejection> {
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
      resolve({ reason: "unavailable", kind: "gateway-request", detail: "the caller gave up" });
    });
  }

  /** Makes bundles of what waits, as many as may be under way. */
  take(): readonly Bundle[] {
    const bundles: Bundle[] = [];
    const add = (request: InFlight["request"]) =>
      void bundles.push({ request, refuse: (rejection) => this.#finish(request.digest, rejection) });
    for (const bundle of this.#expired.splice(0)) add(this.#sign(bundle));
    while (this.#waiting.length > 0 && this.#inFlight.size < this.#options.limits.maxBundlesInFlight) {
      const giveUpAt = this.#options.timer.monotonic() + GIVE_UP_MS;
      add(this.#sign({ calls: this.#takeCalls(), signedAt: this.#options.agreedTime(), giveUpAt, hasSkipped: false }));
    }
    return bundles;
  }

  /** Where this replica has fetched a state it has not executed all that was. */
  hear(events: readonly Event[]): void {
    if (!events.some(({ kind }) => kind === "state-transfer")) return;
    for (const bundle of this.#inFlight.values()) bundle.hasSkipped = true;
  }

  /** Takes a replica's reply in; it is verified, or this replica's own. */
  onReply({ replica, view, request, results }: Reply): void {
    const bundle = this.#inFlight.get(request);
    if (!bundle) return;
    const packed = pack(results.map(({ sequence, status, value }) => [sequence, status, value]));
    bundle.votes.set(replica, { view, results, packed });
    const hasExpired = results.some(isExpired) && this.#canSignAgain(bundle);
    if (hasExpired && replica === this.#options.self) return this.#signAgain(bundle);
    // It can be signed again once this replica knows it as well.
    if (hasExpired) return;
    const agreeing = [...bundle.votes].filter(([, vote]) => equalBytes(vote.packed, packed));
    if (agreeing.length < this.#needed) return;
    const voters = agreeing.map(([id]) => id).sort((a, b) => a - b);
    const latest = Math.max(...agreeing.map(([, vote]) => vote.view)) as View;
    this.#finish(request, { view: latest, results, voters });
  }

  /** Answers everybody that there won't be results. */
  stop(rejection: Rejection): void {
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
    if (this.#operations + count <= limits.maxVouchedOperations && this.#bytes + bytes <= limits.maxVouchedBytes) {
      return null;
    }
    return rejected("overloaded", `${this.#operations} operations wait at this gateway already`);
  }

  #takeCalls(): readonly Call[] {
    const maxBytes = this.#options.genesis.limits.maxRequestBytes - REQUEST_OVERHEAD_BYTES;
    let [operations, bytes, count] = [0, 0, 0];
    for (const call of this.#waiting) {
      operations += call.operations.length;
      bytes += call.bytes;
      if (operations > this.#maxOperations || bytes > maxBytes) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #sign(what: Omit<InFlight, "request" | "votes" | "cancelAlarm" | "resendAfterMs">): InFlight["request"] {
    const { self, sign, agreedTime, genesis } = this.#options;
    const operations = what.calls.flatMap(({ operations }) => operations);
    let notAfter = agreedTime() + Math.min(VALID_MS, Math.floor(genesis.limits.nameIdleMs / 2));
    const next = () => sign({ kind: "gateway-request", gateway: self, notAfter: millis(notAfter), operations });
    let request = next();
    // Equal operations make unequal requests, each with its own replies.
    while (this.#inFlight.has(request.digest)) request = (notAfter++, next());
    const { calls, signedAt, giveUpAt, hasSkipped } = what;
    const bundle: InFlight = {
      request,
      calls,
      signedAt,
      giveUpAt,
      hasSkipped,
      votes: new Map(),
      cancelAlarm: () => {},
      resendAfterMs: RESEND_AFTER_MS,
    };
    this.#inFlight.set(request.digest, bundle);
    this.#setAlarm(bundle);
    return request;
  }

  /**
   * Whether the operations of a bundle that has expired are certain not to have been executed by it. This replica would have seen it, or,
   * where it has skipped numbers, would still remember the names: they go no sooner than `nameIdleMs` after.
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
      const detail = "no f + 1 replicas agreed in time; a retry with the same timestamps is safe";
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
