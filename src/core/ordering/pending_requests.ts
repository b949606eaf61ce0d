/**
 * Requests that wait to be executed, bounded in number, in bytes and per client. Clients are served in turn, and each
 * client's requests in their order of arrival. So a client with many requests delays itself and not the others. Where
 * there is no more room, whoever holds the most gives way to those that hold less.
 * @module
 */
import type { Limits, Settings } from "../config.ts";
import type { SuspicionReason } from "../events.ts";
import { MAX_BATCH_OPERATIONS, requestBytes, type Room } from "../views/batch_room.ts";
import { Fairness, type FairnessRules, hadRoom, isKnown } from "../views/fairness.ts";
import type { Digest, Millis } from "../messages/ids.ts";
import type { AnyRequest, SignedRequest, Verified } from "../messages/messages.ts";

/** A pending request. */
export interface PendingRequest {
  readonly request: Verified<SignedRequest>;
  /** Whether this replica has proposed it in a batch of the present view. */
  proposed: boolean;
  /** Since when it has been the one that waits longest in this view, in time awake; `null` if it is not. */
  since: number | null;
  /** Batches executed since the primary must know of it, and how many of them had no room for it. */
  batches: number;
  fullBatches: number;
  /** {@linkcode Fairness.roomsFor} its owner when it arrived, or when the view started. */
  roomsBefore: number;
  /** How many requests of its owner had been executed when it arrived. */
  readonly servedBefore: number;
  /** When a backup relays it to the primary again. */
  relayAt: Millis;
  relayIntervalMs: number;
}

/** What one client or gateway has pending. */
interface Owned {
  count: number;
  bytes: number;
}

const NOTHING: Readonly<Owned> = { count: 0, bytes: 0 };

/** The next requests in turn, as many as fit into a batch. They are noted as proposed. */
export function takeBatch(pending: PendingRequests, limits: Limits): Verified<SignedRequest>[] {
  const taken: Verified<SignedRequest>[] = [];
  let [bytes, operations] = [32, 0]; // the list header and the timestamp
  for (const entry of pending.inTurn()) {
    bytes += requestBytes(entry.request);
    operations += entry.request.message.operations.length;
    if (bytes > limits.maxBatchBytes || taken.length === limits.maxBatchRequests) break;
    if (taken.length > 0 && operations > MAX_BATCH_OPERATIONS) break;
    pending.propose(entry);
    taken.push(entry.request);
  }
  return taken;
}

/** Whether this many requests with this many bytes fill at least half of a batch. */
export function isHalfFull({ maxBatchRequests, maxBatchBytes }: Limits, requests: number, bytes: number): boolean {
  return 2 * requests >= maxBatchRequests || 2 * bytes >= maxBatchBytes;
}

/** The key under which a request waits. Any execution under this key ends its waiting, whatever the digest. */
export function requestKey(request: AnyRequest, digest: Digest): string {
  return request.kind === "request" ? `${request.client}/${request.session}/${request.timestamp}` : digest;
}

/** The owner of a request: a client or a gateway. */
export function ownerOf(request: AnyRequest): string {
  return request.kind === "request" ? request.client : `gateway ${request.gateway}`;
}

/** The queue of pending requests. */
export class PendingRequests {
  readonly #settings: Settings;
  readonly #byKey = new Map<string, PendingRequest>();
  readonly #perOwner = new Map<string, Owned>();
  /** Requests in no batch yet, by owner and key. The first owner is served next. */
  readonly #turns = new Map<string, Map<string, PendingRequest>>();
  /** Whether a batch had room for any request since left out ones were last looked for. */
  #hadRoom = false;
  /** A request that the primary leaves out although it has room; `null` if there is none. */
  #leftOut: PendingRequest | null = null;
  #bytes = 0;
  #proposed = 0;
  #proposedBytes = 0;
  /** The last executed number when the outcomes of all were last looked up; -1: never. */
  lookedUpAt = -1;
  /** Watches how fair the primary is. */
  readonly fairness: Fairness = new Fairness();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The number of clients and gateways with pending requests. */
  get owners(): number {
    return this.#perOwner.size;
  }

  /** Bytes of all pending requests. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of requests in no batch yet. */
  get unproposed(): number {
    return this.#byKey.size - this.#proposed;
  }

  /** Bytes of the requests in no batch yet. */
  get unproposedBytes(): number {
    return this.#bytes - this.#proposedBytes;
  }

  /** The requests in no batch yet, in turn. Each must be given to {@linkcode propose} before the next one is taken. */
  *inTurn(): Generator<PendingRequest> {
    for (let own; (own = this.#turns.values().next().value);) yield own.values().next().value!;
  }

  /** Notes that a request is in a batch now. */
  propose(entry: PendingRequest): void {
    entry.proposed = true;
    this.#endTurn(entry.request);
    this.#proposed++;
    this.#proposedBytes += requestBytes(entry.request);
  }

  /** The next request of the owner that has waited longest. */
  #first(): PendingRequest | undefined {
    const owner = this.fairness.first;
    return owner === undefined ? undefined : this.#ownedBy(owner).next().value;
  }

  /** The request that has waited longest, among those for which the primary must have had a place. */
  #oldest(): PendingRequest | undefined {
    const { maxPendingPerClient } = this.#settings;
    for (const entry of this.#byKey.values()) {
      if (this.fairness.served(ownerOf(entry.request.message)) - entry.servedBefore < maxPendingPerClient) return entry;
    }
    return undefined;
  }

  /** A backup has executed a batch, which had this room left. */
  noteBatch({ fits, isForAny }: Room, awakeMs: number, rules: FairnessRules): void {
    if (isForAny && this.fairness.noteRoom(awakeMs, rules, this.#settings.maxPendingPerClient)) this.#hadRoom = true;
    const [first, oldest] = [this.#first(), this.#oldest()];
    if (first) this.fairness.noteBatch(fits(first.request), awakeMs, rules);
    if (!oldest || !isKnown(oldest, awakeMs, rules.maxWaitMs)) return;
    oldest.batches++;
    if (!fits(oldest.request)) oldest.fullBatches++;
  }

  /**
   * The reason to suspect the primary for how it treats pending requests; `null` if there is none. Call it regularly.
   */
  verdict(awakeMs: number, rules: FairnessRules): SuspicionReason | null {
    const oldest = this.#oldest();
    if (oldest) {
      oldest.since ??= awakeMs;
      if (awakeMs - oldest.since > rules.maxWaitMs && hadRoom(oldest)) return "slow-primary";
    }
    if (this.#hadRoom) this.#leftOut = [...this.#byKey.values()].find((entry) => this.#isLeftOut(entry)) ?? null;
    this.#hadRoom = false;
    if (this.#leftOut) return "slow-primary";
    return this.fairness.verdict(awakeMs, rules);
  }

  #isLeftOut({ request: { message }, roomsBefore }: PendingRequest): boolean {
    return this.fairness.isLeftOut(ownerOf(message), roomsBefore);
  }

  has(request: SignedRequest): boolean {
    return this.#byKey.has(requestKey(request.message, request.digest));
  }

  /** Adds a request that is not pending yet. Returns `null` if there is no room for it. */
  add(
    request: Verified<SignedRequest>,
    relayAt: Millis,
    relayIntervalMs: number = this.#settings.statusIntervalMs,
  ): PendingRequest | null {
    const { maxPendingRequests, maxPendingBytes, maxPendingPerClient } = this.#settings;
    const owner = ownerOf(request.message);
    const { count, bytes: held } = this.#perOwner.get(owner) ?? NOTHING;
    if (count >= maxPendingPerClient) return null;
    const bytes = requestBytes(request);
    while (this.#byKey.size >= maxPendingRequests) if (!this.#dropOneOfMany("count", count + 1)) return null;
    while (this.#bytes + bytes > maxPendingBytes) if (!this.#dropOneOfMany("bytes", held + bytes)) return null;
    const entry: PendingRequest = {
      request,
      proposed: false,
      since: null,
      batches: 0,
      fullBatches: 0,
      roomsBefore: this.fairness.roomsFor(owner),
      servedBefore: this.fairness.served(owner),
      relayAt,
      relayIntervalMs,
    };
    this.#byKey.set(requestKey(request.message, request.digest), entry);
    this.#perOwner.set(owner, { count: count + 1, bytes: held + bytes });
    this.fairness.add(owner);
    this.#awaitTurn(entry);
    this.#bytes += bytes;
    return entry;
  }

  /**
   * Makes room for an owner that would then have `share` pending: the owner with the most, if that is more, loses its
   * last request. It keeps at least one that is in no batch yet. Returns false if there is none to lose.
   */
  #dropOneOfMany(what: keyof Owned, share: number): boolean {
    let most: { readonly own: Map<string, PendingRequest>; readonly has: number } | null = null;
    for (const [owner, own] of this.#turns) {
      const has = this.#perOwner.get(owner)![what];
      if (own.size > 1 && has > Math.max(share, most?.has ?? 0)) most = { own, has };
    }
    const last = most && [...most.own.values()].at(-1);
    if (!last) return false;
    this.remove(last.request);
    return true;
  }

  /** An owner's pending requests: first those in no batch yet, oldest first, then the proposed ones. */
  *#ownedBy(owner: string): Generator<PendingRequest> {
    yield* this.#turns.get(owner)?.values() ?? [];
    for (const entry of this.#byKey.values()) {
      if (entry.proposed && ownerOf(entry.request.message) === owner) yield entry;
    }
  }

  /** The pending request under a request's key: the same, or another one of its client and timestamp. */
  find(request: SignedRequest): PendingRequest | undefined {
    return this.#byKey.get(requestKey(request.message, request.digest));
  }

  /** Removes the pending request under a request's key, if there is one. */
  remove(request: SignedRequest): void {
    const key = requestKey(request.message, request.digest);
    const entry = this.#byKey.get(key);
    if (!entry) return;
    this.#byKey.delete(key);
    if (this.#leftOut === entry) this.#leftOut = null;
    const bytes = requestBytes(entry.request);
    this.#bytes -= bytes;
    if (!entry.proposed) this.#endTurn(entry.request);
    else {
      this.#proposed--;
      this.#proposedBytes -= bytes;
    }
    const owner = ownerOf(entry.request.message);
    const owned = this.#perOwner.get(owner)!;
    owned.count--;
    owned.bytes -= bytes;
    if (owned.count > 0) return;
    this.#perOwner.delete(owner);
    this.fairness.remove(owner);
  }

  /** All pending requests, oldest first. */
  entries(): IterableIterator<PendingRequest> {
    return this.#byKey.values();
  }

  /** A view starts: all requests are to be proposed again, and the new primary has kept none waiting yet. */
  startView(): void {
    this.#proposed = this.#proposedBytes = 0;
    this.#turns.clear();
    this.fairness.startView();
    this.#leftOut = null;
    for (const entry of this.#byKey.values()) {
      const roomsBefore = this.fairness.roomsFor(ownerOf(entry.request.message));
      Object.assign(entry, { proposed: false, since: null, batches: 0, fullBatches: 0, roomsBefore });
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

  /** A request needs no turn any more. Its owner goes to the end of the line. */
  #endTurn({ message, digest }: SignedRequest): void {
    const owner = ownerOf(message);
    const own = this.#turns.get(owner)!;
    own.delete(requestKey(message, digest));
    this.#turns.delete(owner);
    if (own.size > 0) this.#turns.set(owner, own);
  }
}
