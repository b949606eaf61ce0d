/**
 * Classifies the caller of a request before its body is read: a member that has proved itself, a known client, or a
 * stranger. The class decides which budget pays for the request. It gives no permissions.
 * @module
 */
import type { FrameSource } from "../../node/in/intake.ts";
import { type AddressOf, connectionAddress, networkOf } from "./address.ts";
import type { Sender } from "../bodies/sender.ts";
import { MEMBER_HEADER, type Membership, type Proof, type Purpose } from "../peers/membership.ts";
import type { MemberConduct } from "../peers/conduct.ts";
import type { PeerClocks } from "../peers/peer_clocks.ts";

/** The caller of a request. */
export interface Caller extends Sender {
  /** The network that limits count as one caller, see {@linkcode networkOf}; `undefined` if unknown. */
  readonly network: string | undefined;
  /** The proof that the caller is a member; null if there is none. */
  readonly proof: Proof | null;
  /** The source that frames of this caller are counted to. */
  readonly source: FrameSource;
}

/** Options of {@linkcode Callers}. */
export interface CallersOptions {
  readonly address?: AddressOf | undefined;
  /** Checks proofs of members. Without it no caller counts as a member. */
  readonly membership?: Membership | undefined;
  /** Whom to distrust among the members. */
  readonly conduct?: MemberConduct | undefined;
  /** Records the clocks that members show. */
  readonly clocks?: PeerClocks | undefined;
}

/** Networks of known clients that are remembered: the most recently served. */
const MAX_KNOWN = 4_096;

/** Classifies callers. */
export class Callers {
  readonly #address: AddressOf;
  readonly #membership: Membership | undefined;
  readonly #conduct: MemberConduct | undefined;
  readonly #clocks: PeerClocks | undefined;
  readonly #known = new Set<string>();

  constructor({ address = connectionAddress, membership, conduct, clocks }: CallersOptions) {
    this.#address = address;
    this.#membership = membership;
    this.#conduct = conduct;
    this.#clocks = clocks;
  }

  /** Classifies one caller. `connection`: what the server passes beside the request. */
  async of(request: Request, connection: unknown): Promise<Caller> {
    const address = this.#address(request, connection);
    const network = address === undefined ? undefined : networkOf(address);
    const header = request.headers.get(MEMBER_HEADER);
    const purpose = purposeOf(request);
    const proof = header === null ? null : await this.#membership?.check(header, purpose) ?? null;
    // What a distrusted member delivers has the bounds of strangers.
    const isDistrusted = proof !== null && purpose === "deliver" && (this.#conduct?.distrustMs(proof.member) ?? 0) > 0;
    if (isDistrusted) return { kind: "stranger", id: network, network, proof: null, source: "strangers", cost: 1 };
    if (proof) this.#clocks?.heard(proof.member, proof.clock);
    if (proof) return { kind: "member", id: String(proof.member), network, proof, source: proof.member, cost: 1 };
    // Without membership nobody can be told apart, and the host is responsible for all callers.
    const source = this.#membership ? "strangers" : "host";
    const isKnown = network !== undefined && this.#known.has(network);
    return { kind: isKnown ? "client" : "stranger", id: network, network, proof, source, cost: 1 };
  }

  /** Records that a signed request of this caller was executed: from now on its network counts as a known client. */
  served({ network }: Caller): void {
    if (network === undefined) return;
    this.#known.delete(network);
    this.#known.add(network);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.values().next().value!);
  }
}

function purposeOf({ method, headers }: Request): Purpose {
  if (method === "POST") return "deliver";
  return headers.has("upgrade") ? "socket" : "read";
}
