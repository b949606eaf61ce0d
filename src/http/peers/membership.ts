/**
 * Authenticates members before a body is read, by a header with a MAC under a key that only the two members share. It
 * decides only whose budget and queue a request is counted to. Each message is signed, and the signature is verified
 * whichever connection it came by.
 *
 * The header is `pbft-member: NUMBER STAMP DIGEST CODE`. The code covers the cluster, the sender, the receiver, the
 * purpose, the stamp, and the digest of the body. So a stranger's body costs only the check of a header. A copied
 * header is useless: the body cannot be changed, and a repetition is not fresh.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import { clusterId, createSharedKeys, sha256, type SharedKeys } from "../../crypto/mod.ts";
import { ReplayFilter } from "./replay_filter.ts";

/** The header with the proof of a member. */
export const MEMBER_HEADER = "pbft-member";

/** What a proof is for: to deliver messages, to read a route for readers, or to open a socket. */
export type Purpose = "deliver" | "read" | "socket";

/** Options of {@linkcode Membership}. */
export interface MembershipOptions {
  /** The genesis of the cluster. */
  readonly genesis: Genesis;
  /** The epoch to which proofs are bound: its context and its number. Default: epoch 0. */
  readonly epoch?: { readonly context: Digest; readonly number: number } | undefined;
  /** The number of this member. */
  readonly self: ReplicaId;
  /** The Ed25519 seed of this member, 64 hex digits. */
  readonly privateKey: string;
  /** A monotonic clock, ms. Default: `performance.now`. */
  readonly monotonic?: () => number;
  /** The wall clock for the stamps, ms. Default: `Date.now`. */
  readonly now?: () => number;
}

/** A valid proof. The digest must still be compared with the body. */
export interface Proof {
  /** The sender. */
  readonly member: ReplicaId;
  /** The digest that the body must have. */
  readonly digest: Digest;
  /** The sender's clock at sending, ms. */
  readonly clock: number;
}

const EMPTY = sha256(new Uint8Array());

/** Makes and checks the proofs of one member. */
export class Membership {
  /** The number of this member. */
  readonly self: ReplicaId;
  readonly #genesis: Genesis;
  readonly #keys: SharedKeys;
  readonly #now: () => number;
  readonly #fresh: readonly ReplayFilter[];
  #lastStamp = 0;

  /** Derives the keys shared with the other members. @throws {TypeError} if the private key is invalid. */
  constructor(
    { genesis, epoch, self, privateKey, monotonic = () => performance.now(), now = Date.now }: MembershipOptions,
  ) {
    this.self = self;
    this.#genesis = genesis;
    this.#now = now;
    this.#keys = createSharedKeys(privateKey, epoch?.context ?? clusterId(genesis), epoch?.number);
    this.#fresh = genesis.replicas.map(() => new ReplayFilter(monotonic));
  }

  /**
   * The value of the header for a request to a member. Stamps increase: each is the clock in microseconds, or the last
   * one plus 1.
   */
  async prove(to: ReplicaId, purpose: Purpose, body?: Uint8Array): Promise<string> {
    const stamp = this.#lastStamp = Math.max(Math.round(this.#now() * 1000), this.#lastStamp + 1);
    const digest = body ? sha256(body) : EMPTY;
    const text = textOf({ from: this.self, to, purpose, stamp, digest });
    const key = await this.#keys.with(this.#genesis.replicas[to]!.publicKey);
    return `${this.self} ${stamp} ${digest} ${key?.code(text)}`;
  }

  /**
   * Checks a proof. Null if it is invalid or was seen before. The caller compares the body with
   * {@linkcode Proof.digest}. Costs 20 us, and less if the header does not even have the right form.
   */
  async check(header: string | null, purpose: Purpose): Promise<Proof | null> {
    const [, id, at, digest, code] = HEADER.exec(header ?? "") ?? [];
    const [from, stamp] = [Number(id) as ReplicaId, Number(at)];
    const member = this.#genesis.replicas[from];
    if (code === undefined || member === undefined || from === this.self || !Number.isSafeInteger(stamp)) return null;
    const fresh = this.#fresh[from]!;
    if (!fresh.isFresh(stamp, code)) return null;
    const text = textOf({ from, to: this.self, purpose, stamp, digest: digest as Digest });
    const key = await this.#keys.with(member.publicKey);
    // Checked again: the same proof may have come during the wait.
    if (!key?.isCode(text, code) || !fresh.isFresh(stamp, code)) return null;
    fresh.record(stamp, code);
    return { member: from, digest: digest as Digest, clock: stamp / 1000 };
  }
}

interface Claim {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly purpose: Purpose;
  readonly stamp: number;
  readonly digest: Digest;
}

function textOf({ from, to, purpose, stamp, digest }: Claim): string {
  return `${from} ${to} ${purpose} ${stamp} ${digest}`;
}

const HEADER = /^(\d{1,4}) (\d{1,16}) ([0-9a-f]{64}) ([A-Za-z0-9_-]{43})$/;
