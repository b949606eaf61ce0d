/**
 * Answers fetches of other replicas from the store: batch bodies, and pages and chunks of the state.
 *
 * Each peer has a limit in bytes per second, high enough that a replica that catches up is limited only by the network.
 * A faulty replica may replay a fetch that a peer once signed: old fetches are ignored and repeated ones are limited,
 * so replays do not use up the peer's limit.
 * @module
 */
import { type Allowance, allowanceOf } from "../../core/upkeep/allowance.ts";
import { createFreshness, type Freshness, isFresh } from "../../core/upkeep/freshness.ts";
import type { Digest, Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { Offer } from "../../core/io.ts";
import type { Blobs, Fetch } from "../../core/messages/messages.ts";
import type { Store, Timer } from "../ports.ts";

/** Maximum bytes of all blobs in one answer; a single larger blob is sent alone. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** Blobs read from the store in one call. */
const READ_AT_ONCE = 8;
/** Cost of looking up one digest, beside the bytes of the blob, bytes. */
const LOOKUP_BYTES = 256;
/** Limit of one peer: 32 MiB at once, and 32 MiB per second. */
const BYTES = { most: 32 * 1024 * 1024, perMs: 32 * 1024 };
/** Limit of identical answers to one peer: 8 at once, and 20 per second. */
const REPEATS = { most: 8, perMs: 0.02 };
/** Maximum number of distinct fetches remembered per peer. */
const MAX_REMEMBERED_FETCHES = 256;

/** Options of {@linkcode BlobServer}. */
export interface BlobServerOptions {
  readonly self: ReplicaId;
  readonly store: Pick<Store, "read">;
  readonly timer: Pick<Timer, "monotonic">;
  readonly send: (to: ReplicaId, message: Blobs) => void;
}

interface Peer {
  readonly freshness: Freshness;
  readonly bytes: Map<"all", Allowance>;
  /** Remaining repetitions by the digests that were asked for. */
  readonly repeats: Map<string, Allowance>;
  isBusy: boolean;
  /** The latest fetch that arrived while another was being answered. */
  next: readonly Digest[] | null;
}

/** Serves blobs by digest, one answer at a time for each peer. */
export class BlobServer {
  readonly #options: BlobServerOptions;
  readonly #peers = new Map<ReplicaId, Peer>();

  constructor(options: BlobServerOptions) {
    this.#options = options;
  }

  /**
   * Answers a fetch in one message with the blobs that are there, possibly none. A replayed fetch, and one above the
   * limits, is not answered.
   */
  async answer({ replica, number, digests }: Fetch): Promise<void> {
    const peer = this.#peer(replica);
    if (replica === this.#options.self || !isFresh(peer.freshness, number) || !this.#isAllowed(peer, digests)) return;
    await this.#serve(replica, digests);
  }

  /** Sends peers blobs that they will need. */
  offer(offers: readonly Offer[]): void {
    for (const { to, digests } of offers) if (this.#isAllowed(this.#peer(to), digests)) void this.#serve(to, digests);
  }

  async #serve(to: ReplicaId, digests: readonly Digest[]): Promise<void> {
    const peer = this.#peer(to);
    if (peer.isBusy) {
      peer.next = digests;
      return;
    }
    peer.isBusy = true;
    for (let next: readonly Digest[] | null = digests; next; next = peer.next) {
      peer.next = null;
      await this.#answer(to, peer, next);
    }
    peer.isBusy = false;
  }

  async #answer(to: ReplicaId, peer: Peer, digests: readonly Digest[]): Promise<void> {
    const { self, send } = this.#options;
    try {
      const blobs = (await this.read([...new Set(digests)])).filter((blob) => blob !== null);
      const allowance = this.#bytesOf(peer);
      for (const { length } of blobs) allowance.bytes -= length;
      send(to, { kind: "blobs", replica: self, blobs });
    } catch {
      // The store failed; the peer asks another replica.
    }
  }

  #isAllowed(peer: Peer, digests: readonly Digest[]): boolean {
    const bytes = this.#bytesOf(peer);
    const fetchKey = `${digests.length} ${digests[0]} ${digests.at(-1)}`;
    const repeats = allowanceOf(peer.repeats, fetchKey, { now: this.#now, rate: REPEATS });
    // In order of last use: the least recent is forgotten first.
    peer.repeats.delete(fetchKey);
    peer.repeats.set(fetchKey, repeats);
    for (const old of peer.repeats.keys()) if (peer.repeats.size > MAX_REMEMBERED_FETCHES) peer.repeats.delete(old);
    if (bytes.bytes <= 0 || repeats.bytes < 1) return false;
    repeats.bytes--;
    bytes.bytes -= digests.length * LOOKUP_BYTES;
    return true;
  }

  /**
   * The blobs with these digests, in order, `null` for a missing one: as many from the first on as one answer may hold.
   */
  async read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    const blobs: (Uint8Array | null)[] = [];
    let bytes = 0;
    for (let at = 0; at < digests.length; at += READ_AT_ONCE) {
      for (const blob of await this.#options.store.read(digests.slice(at, at + READ_AT_ONCE))) {
        bytes += blob?.length ?? 0;
        if (blobs.length > 0 && bytes > MAX_ANSWER_BYTES) return blobs;
        blobs.push(blob);
      }
    }
    return blobs;
  }

  get #now(): Millis {
    return this.#options.timer.monotonic() as Millis;
  }

  #bytesOf(peer: Peer): Allowance {
    return allowanceOf(peer.bytes, "all", { now: this.#now, rate: BYTES });
  }

  #peer(replica: ReplicaId): Peer {
    const known = this.#peers.get(replica);
    if (known) return known;
    const freshness = createFreshness();
    const peer: Peer = { freshness, bytes: new Map(), repeats: new Map(), isBusy: false, next: null };
    this.#peers.set(replica, peer);
    return peer;
  }
}
