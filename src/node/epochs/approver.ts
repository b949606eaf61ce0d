/**
 * Approves of rotations without an operator, if the host was told to: proposals that only change the key of one other
 * member, and that this member's present key has signed.
 *
 * Whoever holds that key can act as that member already, which then counts among the f. With a new key he can keep its
 * owner out, but the others can replace the member without its approval. He can't change another member. He gains only
 * changes of the epoch, so each member gets one approval in {@linkcode PAUSE_MS}.
 * @module
 */
import { approve, checkRotation, ConfigureError, type Epoch, parseProposal } from "../../wire/epochs/mod.ts";
import type { Cryptography, Timer } from "../ports.ts";
import { chainCrypto } from "./cryptography.ts";
import { placeIn } from "./place.ts";

/** A member gets another approval after this time, ms. The same proposal again is approved at any time. */
const PAUSE_MS = 3_600_000;

/** Options of {@linkcode RotationApprover}. */
export interface RotationApproverOptions {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly timer: Pick<Timer, "monotonic">;
  readonly cryptography: Cryptography;
}

/** Approves of rotations. */
export class RotationApprover {
  readonly #options: RotationApproverOptions;
  /** The last approval for each member, by name. */
  readonly #approved = new Map<string, { readonly hash: string; readonly at: number }>();

  constructor(options: RotationApproverOptions) {
    this.#options = options;
  }

  /**
   * This member's approval of a proposal, as its name and a signature in hex.
   * @throws {ConfigureError} or {@linkcode TypeError} that says why it approves of no such proposal.
   */
  async approve(epoch: Epoch, json: unknown): Promise<{ readonly name: string; readonly signature: string }> {
    const { privateKey, publicKey, timer, cryptography } = this.#options;
    const proposal = parseProposal(json);
    const self = placeIn(epoch, publicKey);
    if (!self) throw new ConfigureError("unknown-member", `this replica is no member in epoch ${epoch.number}`);
    const { name, hash } = await checkRotation(epoch, proposal, chainCrypto(cryptography));
    const before = this.#approved.get(name);
    const now = timer.monotonic();
    if (before && before.hash !== hash && now < before.at + PAUSE_MS) {
      throw new ConfigureError("already-pending", `${name}: expected one new key in ${PAUSE_MS / 60_000} minutes`);
    }
    if (before?.hash !== hash) this.#approved.set(name, { hash, at: now });
    const signer = cryptography.createSigner(privateKey, epoch.cluster, epoch.number + 1);
    const { approvals } = await approve(epoch, proposal, { signer, hash: cryptography.hash });
    const own = epoch.genesis.replicas[self.self]!.name;
    return { name: own, signature: approvals[own]! };
  }
}
