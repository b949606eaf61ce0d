/**
 * Answers other replicas' fetches from the store: batch bodies, state pages, state chunks.
 *
 * What it gives a peer is limited in bytes, so that a replica that catches up is held up by nothing but the network. A liar may repeat what
 * a peer once signed; neither an old fetch nor the same one again and again uses up what the peer may have.
 * @module
 */
import { type Allowance, allowanceOf } from "../../core/upkeep/allowance.ts";
import { createFreshness, type Freshness, isFresh } from "../../core/upkeep/freshness.ts";
import type { Digest, Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { Offer } from "../../core/io.ts";
import type { Blobs, Fetch } from "../../core/messages/messages.ts";
import type { Store, Timer } from "../ports.ts";

/** An answer's blobs have at most so many bytes in all, unless the first alone has more. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** Blobs read from the store at once. */
const READ_AT_ONCE = 8;
/** What each digest that is looked up costs beside the blob's bytes. */
const LOOKUP_BYTES = 256;
/** What a peer may have: 32 MiB at once, and 32 MiB each second. */
const BYTES = { most: 32 * 1024 * 1024, perMs: 32 * 1024 };
/** How often a peer is given the same answer: 8 times at once, and 20 times each second. */
const REPEATS = { most: 8, perMs: 0.02 };
/** So many different questions of a peer are remembered. */
const MAX_QUESTIONS = 256;

/** What the server needs. */
export interface BlobServerOptions {
  readonly self: ReplicaId;
  readonly store: Pick<Store, "read">;
  readonly timer: Pick<Timer, "monotonic">;
  readonly send: (to: ReplicaId, message: Blobs) => void;
}

interface Peer {
  readonly freshness: Freshness;
  readonly bytes: Map<"all", Allowance>;
  /** By the digests that were asked for: how often they still may be. */
  readonly questions: Map<string, Allowance>;
  isBusy: boolean;
  /** What came while it was answered, the latest. */
  next: readonly Digest[] | null;
}

/** Serves blobs by their digest, to each peer one answer at a time. */
export class BlobServer {
  readonly #options: BlobServerOptions;
  readonly #peers = new Map<ReplicaId, Peer>();

  constructor(options: BlobServerOptions) {
    this.#options = options;
  }

  /** Answers a fetch, unless it is an old one that somebody repeats, with what there is, in one message; with no blobs if there are none. Not at all if it asks for too much. */
  async answer({ replica, number, digests }: Fetch): Promise<void> {
    const peer = this.#peer(replica);
    if (replica === this.#options.self || !isFresh(peer.freshness, number) || !this.#isAllowed(peer, digests)) return;
    await this.#serve(replica, digests);
  }

  /** Gives peers what they will need. */
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
      const blobs = await this.#read([...new Set(digests)]);
      const allowance = this.#bytesOf(peer);
      for (const { length } of blobs) allowance.bytes -= length;
      send(to, { kind: "blobs", replica: self, blobs });
    } catch {
      // The store fails: the peer asks another replica.
    }
  }

  #isAllowed(peer: Peer, digests: readonly Digest[]): boolean {
    const bytes = this.#bytesOf(peer);
    const question = `${digests.length} ${digests[0]} ${digests.at(-1)}`;
    const repeats = allowanceOf(peer.questions, question, { now: this.#now, rate: REPEATS });
    // The one that was asked last is forgotten last.
    peer.questions.delete(question);
    peer.questions.set(question, repeats);
    for (const old of peer.questions.keys()) if (peer.questions.size > MAX_QUESTIONS) peer.questions.delete(old);
    if (bytes.bytes <= 0 || repeats.bytes < 1) return false;
    repeats.bytes--;
    bytes.bytes -= digests.length * LOOKUP_BYTES;
    return true;
  }

  async #read(digests: readonly Digest[]): Promise<readonly Uint8Array[]> {
    const blobs: Uint8Array[] = [];
    let bytes = 0;
    for (let at = 0; at < digests.length; at += READ_AT_ONCE) {
      for (const blob of await this.#options.store.read(digests.slice(at, at + READ_AT_ONCE))) {
        if (blob === null) continue;
        bytes += blob.length;
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
    const peer: Peer = { freshness, bytes: new Map(), questions: new Map(), isBusy: false, next: null };
    this.#peers.set(replica, peer);
    return peer;
  }
}
