/**
 * Requests that wait to be executed, bounded in number, in bytes and per client. Clients are served in turn, each client's requests in order
 * of arrival: who sends many waits for those, and not the others.
 * @module
 */
import type { Limits, Settings } from "../config.ts";
import type { SuspicionReason } from "../events.ts";
import { Fairness, type FairnessRules, hadRoom, isKnown } from "../views/fairness.ts";
import type { Digest, Millis } from "../messages/ids.ts";
import type { AnyRequest, SignedRequest, Verified } from "../messages/messages.ts";

/** A request that waits. */
export interface PendingRequest {
  readonly request: Verified<SignedRequest>;
  /** It is in a batch that this replica proposed in the present view. */
  proposed: boolean;
  /** Since when, in time awake, it has been the one that waits longest in this view; `null`: it has not been. */
  since: number | null;
  /** Batches that could have taken it in, and how many of them had no room for it. */
  batches: number;
  fullBatches: number;
  /** How many of its owner's had been executed when it came. */
  readonly servedBefore: number;
  /** When a backup passes it on to the primary again. */
  relayAt: Millis;
  relayIntervalMs: number;
}

/** Bytes that a request takes up in a batch, framing included. */
export function requestBytes(request: SignedRequest): number {
  return request.bytes.length + request.signature.length + 16;
}

/** Whether so many requests of so many bytes fill a batch at least by half. */
export function isHalfFull({ maxBatchRequests, maxBatchBytes }: Limits, requests: number, bytes: number): boolean {
  return 2 * requests >= maxBatchRequests || 2 * bytes >= maxBatchBytes;
}

/** Execution under this key ends a request's waiting, whatever its digest. */
export function requestKey(request: AnyRequest, digest: Digest): string {
  return request.kind === "request" ? `${request.client}/${request.session}/${request.timestamp}` : digest;
}

/** Whose request it is: a client's, or a gateway's. */
export function ownerOf(request: AnyRequest): string {
  return request.kind === "request" ? request.client : `gateway ${request.gateway}`;
}

/** The queue. */
export class PendingRequests {
  readonly #settings: Settings;
  readonly #byKey = new Map<string, PendingRequest>();
  readonly #perOwner = new Map<string, number>();
  /** Those in no batch yet, by owner and key. The first owner's turn is next. */
  readonly #turns = new Map<string, Map<string, PendingRequest>>();
  #bytes = 0;
  #proposed = 0;
  #proposedBytes = 0;
  /** Watches over the primary. */
  readonly fairness: Fairness = new Fairness();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Whose requests wait: so many clients, and gateways. */
  get owners(): number {
    return this.#perOwner.size;
  }

  /** Bytes of all that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Requests that are in no batch yet. */
  get unproposed(): number {
    return this.#byKey.size - this.#proposed;
  }

  /** Bytes of requests that are in no batch yet. */
  get unproposedBytes(): number {
    return this.#bytes - this.#proposedBytes;
  }

  /** Those in no batch yet, in turn; each must be given to {@linkcode propose} before the next is asked for. */
  *inTurn(): Generator<PendingRequest> {
    for (let own; (own = this.#turns.values().next().value);) yield own.values().next().value!;
  }

  /** Notes that a request is in a batch. */
  propose(entry: PendingRequest): void {
    entry.proposed = true;
    this.#endTurn(entry.request);
    this.#proposed++;
    this.#proposedBytes += requestBytes(entry.request);
  }

  /** The next of whoever has waited longest. */
  #first(): PendingRequest | undefined {
    const owner = this.fairness.first;
    return owner === undefined ? undefined : this.#ownedBy(owner).next().value;
  }

  /** The one that has waited longest and for which the primary must have had a place. */
  #oldest(): PendingRequest | undefined {
    const { maxPendingPerClient } = this.#settings;
    for (const entry of this.#byKey.values()) {
      if (this.fairness.served(ownerOf(entry.request.message)) - entry.servedBefore < maxPendingPerClient) return entry;
    }
    return undefined;
  }

  /** A batch is executed, as a backup sees it. `fits`: whether a request would have gone into it as well. */
  noteBatch(fits: (request: SignedRequest) => boolean, awakeMs: number, rules: FairnessRules): void {
    const [first, oldest] = [this.#first(), this.#oldest()];
    if (first) this.fairness.noteBatch(fits(first.request), awakeMs, rules);
    if (!oldest || !isKnown(oldest, awakeMs, rules.patienceMs)) return;
    oldest.batches++;
    if (!fits(oldest.request)) oldest.fullBatches++;
  }

  /** What is wrong with how the primary treats those who wait; `null`: nothing. To be asked now and then. */
  verdict(awakeMs: number, rules: FairnessRules): SuspicionReason | null {
    const oldest = this.#oldest();
    if (oldest) {
      oldest.since ??= awakeMs;
      if (awakeMs - oldest.since > rules.patienceMs && hadRoom(oldest)) return "slow-primary";
    }
    return this.fairness.verdict(awakeMs, rules);
  }

  has(request: SignedRequest): boolean {
    return this.#byKey.has(requestKey(request.message, request.digest));
  }

  /** Takes a request in; `null` if there is no room for it. It must not be there yet. */
  add(request: Verified<SignedRequest>, relayAt: Millis): PendingRequest | null {
    const { maxPendingRequests, maxPendingBytes, maxPendingPerClient, statusIntervalMs } = this.#settings;
    const owner = ownerOf(request.message);
    const owned = this.#perOwner.get(owner) ?? 0;
    if (owned >= maxPendingPerClient) return null;
    const bytes = requestBytes(request);
    const isFull = () => this.#byKey.size >= maxPendingRequests || this.#bytes + bytes > maxPendingBytes;
    while (isFull()) if (owned > 0 || !this.#dropOneOfMany()) return null;
    const entry: PendingRequest = {
      request,
      proposed: false,
      since: null,
      batches: 0,
      fullBatches: 0,
      servedBefore: this.fairness.served(owner),
      relayAt,
      relayIntervalMs: statusIntervalMs,
    };
    this.#byKey.set(requestKey(request.message, request.digest), entry);
    this.#perOwner.set(owner, owned + 1);
    this.fairness.add(owner);
    this.#awaitTurn(entry);
    this.#bytes += bytes;
    return entry;
  }

  /** Who has nothing here finds room all the same: of those who have several requests, the one with the most loses its last. */
  #dropOneOfMany(): boolean {
    let most: Map<string, PendingRequest> | null = null;
    for (const own of this.#turns.values()) if (own.size > (most?.size ?? 1)) most = own;
    const last = most && [...most.values()].at(-1);
    if (!last) return false;
    this.remove(last.request);
    return true;
  }

  /** What of an owner waits, oldest first; what is proposed already last. */
  *#ownedBy(owner: string): Generator<PendingRequest> {
    yield* this.#turns.get(owner)?.values() ?? [];
    for (const entry of this.#byKey.values()) {
      if (entry.proposed && ownerOf(entry.request.message) === owner) yield entry;
    }
  }

  /** What waits under a request's key: it, or another of its client and timestamp. */
  find(request: SignedRequest): PendingRequest | undefined {
    return this.#byKey.get(requestKey(request.message, request.digest));
  }

  /** Ends the waiting of what waits under a request's key, if something does. */
  remove(request: SignedRequest): void {
    const key = requestKey(request.message, request.digest);
    const entry = this.#byKey.get(key);
    if (!entry) return;
    this.#byKey.delete(key);
    this.#bytes -= requestBytes(entry.request);
    if (!entry.proposed) this.#endTurn(entry.request);
    else {
      this.#proposed--;
      this.#proposedBytes -= requestBytes(entry.request);
    }
    const owner = ownerOf(entry.request.message);
    const owned = this.#perOwner.get(owner)! - 1;
    if (owned > 0) this.#perOwner.set(owner, owned);
    else {
      this.#perOwner.delete(owner);
      this.fairness.remove(owner);
    }
  }

  /** All that wait, oldest first. */
  entries(): IterableIterator<PendingRequest> {
    return this.#byKey.values();
  }

  /** A view starts: everything is to be proposed anew, and its primary has not kept anybody waiting yet. */
  startView(): void {
    this.#proposed = this.#proposedBytes = 0;
    this.#turns.clear();
    this.fairness.startView();
    for (const entry of this.#byKey.values()) {
      Object.assign(entry, { proposed: false, since: null, batches: 0, fullBatches: 0 });
      this.#awaitTurn(entry);
    }
  }

  #awaitTurn(entry: PendingRequest): void {
    const { message, digest } = entry.request;
    const owner = ownerOf(message);
    const own = this.#turns.get(owner);
    if (own) own.set(requestKey(message, digest), entry);
    else this.#turns.set(owner, new Map([[requestKey(message, digest), entry]]));
  }

  /** A request is in no need of a turn any more; the others of its owner wait until all have had theirs. */
  #endTurn({ message, digest }: SignedRequest): void {
    const owner = ownerOf(message);
    const own = this.#turns.get(owner)!;
    own.delete(requestKey(message, digest));
    this.#turns.delete(owner);
    if (own.size > 0) this.#turns.set(owner, own);
  }
}
