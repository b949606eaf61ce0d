/**
 * How members tell each other from strangers before anything that was sent is read: by a header with a code under a key that only the two of
 * them have. It decides who waits behind whom, and nothing else: each message is signed, and is verified whoever brought it.
 *
 * The header is `pbft-member: NUMBER STAMP DIGEST CODE`. The code covers the cluster, the sender, the receiver, the purpose, the stamp, and the digest
 * of the body. So a stranger's body costs one look at a header; and a header that somebody has copied is good for nothing: its
 * body can't be changed, and the same again is not fresh.
 *
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import { clusterId, createSharedKeys, sha256, type SharedKeys } from "../../crypto/mod.ts";
import { Freshness } from "./freshness.ts";

/** The header in which a member proves itself. */
export const MEMBER_HEADER = "pbft-member";

/** What a proof is good for: a delivery of messages, reading what is for members, or opening a socket. */
export type Purpose = "deliver" | "read" | "socket";

/** What {@linkcode Membership} needs. */
export interface MembershipOptions {
  /** What the cluster is. */
  readonly genesis: Genesis;
  /** Which of its members this one is. */
  readonly self: ReplicaId;
  /** Its Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** A clock that does not jump, ms. */
  readonly monotonic?: () => number;
  /** The wall clock for its stamps, ms; `Date.now` if left out. */
  readonly now?: () => number;
}

/** A proof that holds, but for the body. */
export interface Proof {
  /** Who sends. */
  readonly member: ReplicaId;
  /** What the body's digest must be. */
  readonly digest: Digest;
  /** What its clock showed, ms. */
  readonly clock: number;
}

const EMPTY = sha256(new Uint8Array());

/** One member, as it proves itself to the others and as it checks them. */
export class Membership {
  /** Its number. */
  readonly self: ReplicaId;
  readonly #genesis: Genesis;
  readonly #keys: SharedKeys;
  readonly #now: () => number;
  readonly #fresh: readonly Freshness[];
  #lastStamp = 0;

  /** For one member. @throws {TypeError} if the key is not one. */
  constructor({ genesis, self, privateKey, monotonic = () => performance.now(), now = Date.now }: MembershipOptions) {
    this.self = self;
    this.#genesis = genesis;
    this.#now = now;
    this.#keys = createSharedKeys(privateKey, clusterId(genesis));
    this.#fresh = genesis.replicas.map(() => new Freshness(monotonic));
  }

  /** The header's value for what is sent to a member. Stamps grow: the clock's microseconds, or one more than the last. */
  async prove(to: ReplicaId, purpose: Purpose, body?: Uint8Array): Promise<string> {
    const stamp = this.#lastStamp = Math.max(Math.round(this.#now() * 1000), this.#lastStamp + 1);
    const digest = body ? sha256(body) : EMPTY;
    const text = textOf({ from: this.self, to, purpose, stamp, digest });
    const key = await this.#keys.with(this.#genesis.replicas[to]!.publicKey);
    return `${this.self} ${stamp} ${digest} ${key?.code(text)}`;
  }

  /**
   * Whose proof it is; null: nobody's, or it was seen before. The body is to be compared by {@linkcode Proof.digest}. Costs 20 us, and less if it
   * has not even the form.
   */
  async check(header: string | null, purpose: Purpose): Promise<Proof | null> {
    const [, id, at, digest, code] = HEADER.exec(header ?? "") ?? [];
    const [from, stamp] = [Number(id) as ReplicaId, Number(at)];
    const member = this.#genesis.replicas[from];
    if (code === undefined || member === undefined || from === this.self || !Number.isSafeInteger(stamp)) return null;
    const fresh = this.#fresh[from]!;
    if (!fresh.mayBe(stamp, code)) return null;
    const text = textOf({ from, to: this.self, purpose, stamp, digest: digest as Digest });
    const key = await this.#keys.with(member.publicKey);
    // Once more: the same may have come meanwhile.
    if (!key?.isCode(text, code) || !fresh.mayBe(stamp, code)) return null;
    fresh.note(stamp, code);
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
