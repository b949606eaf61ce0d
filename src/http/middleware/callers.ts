/**
 * Who calls, as far as that is known before a body is read: a member that proves itself, a known client, or a stranger. It says whose budgets a
 * request is charged to, and nothing of what it may do.
 * @module
 */
import type { Bringer } from "../../node/in/intake.ts";
import { type AddressOf, connectionAddress, networkOf } from "./address.ts";
import type { Sender } from "../bodies/body.ts";
import { MEMBER_HEADER, type Membership, type Proof, type Purpose } from "../peers/membership.ts";
import type { PeerClocks } from "../peers/peer_clocks.ts";

/** Who calls. */
export interface Caller extends Sender {
  /** The address, or the network, that counts as one; `undefined` if it is not known. */
  readonly network: string | undefined;
  /** What it has proved. */
  readonly proof: Proof | null;
  /** In whose lane what it brings waits. */
  readonly bringer: Bringer;
}

/** What {@linkcode Callers} needs. */
export interface CallersOptions {
  readonly address?: AddressOf | undefined;
  /** Tells members apart; without it there are none. */
  readonly membership?: Membership | undefined;
  /** Takes note of what a member's clock shows. */
  readonly clocks?: PeerClocks | undefined;
}

/** Networks of known clients that are remembered: those that were served last. */
const MAX_KNOWN = 4_096;

/** Tells who calls. */
export class Callers {
  readonly #address: AddressOf;
  readonly #membership: Membership | undefined;
  readonly #clocks: PeerClocks | undefined;
  readonly #known = new Set<string>();

  constructor({ address = connectionAddress, membership, clocks }: CallersOptions) {
    this.#address = address;
    this.#membership = membership;
    this.#clocks = clocks;
  }

  /** Who it is. `connection`: what the host's server gives beside the request. */
  async of(request: Request, connection: unknown): Promise<Caller> {
    const address = this.#address(request, connection);
    const network = address === undefined ? undefined : networkOf(address);
    const header = request.headers.get(MEMBER_HEADER);
    const proof = header === null ? null : await this.#membership?.check(header, purposeOf(request)) ?? null;
    if (proof) this.#clocks?.heard(proof.member, proof.clock);
    if (proof) return { kind: "member", id: String(proof.member), network, proof, bringer: proof.member, cost: 1 };
    // Where members can't be told apart, the host has to answer for whoever comes.
    const bringer = this.#membership ? "strangers" : "host";
    const isKnown = network !== undefined && this.#known.has(network);
    return { kind: isKnown ? "client" : "stranger", id: network, network, proof, bringer, cost: 1 };
  }

  /** What a client signed was executed for a caller: its network is a known client's from now on. */
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
