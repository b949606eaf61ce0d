/**
 * The keys of closed epochs in the hands of a thief: all keys of one epoch, and of all epochs before it.
 *
 * The thief signs for these epochs as it likes. For a later one it signs only with keys that are no members there: a key
 * that is still in use, and stolen, makes its member a liar, and there may be only f of these.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Signer } from "../../node/ports.ts";
import { approvalContext, type Epoch } from "../../wire/epochs/mod.ts";
import type { Own } from "../epochs/forged_links.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";

/** The keys of the epochs up to one that is closed. */
export class StolenKeys {
  readonly #closed: readonly World[];
  readonly #random: Random;
  readonly #keys: readonly string[];

  /** `closed`: the worlds of the epochs whose keys are stolen, from epoch 0 on. */
  constructor(closed: readonly World[], random: Random) {
    this.#closed = closed;
    this.#random = random;
    this.#keys = [...new Set(closed.flatMap(({ genesis }) => genesis.replicas.map(({ publicKey }) => publicKey)))];
  }

  /** Signs in the name of a member of an epoch, as well as the thief can. `placeOf`: what it signs for. */
  signerFor(world: World, seat: number, placeOf: PlaceOf = inEpoch): Signer {
    const { genesis: { replicas }, crypto, epoch, hosts } = world;
    const random = this.#random;
    const own = replicas[seat]!.publicKey;
    const outsiders = this.#keys.filter((key) => !replicas.some(({ publicKey }) => publicKey === key));
    const signer = (key: string, of: Epoch) => crypto.createSigner(hosts.privateKeyOf(key), ...placeOf(of));
    const inItsTime = (key: string) => signer(key, random.pick(this.#closed).epoch);
    // The member's own key proves most, where it is the same one as before.
    if (this.#keys.includes(own) && random.chance(0.6)) return inItsTime(own);
    if (outsiders.length === 0 || random.chance(0.3)) return inItsTime(random.pick(this.#keys));
    return signer(random.pick(outsiders), epoch);
  }

  /** Signers for all members of an epoch, by seat. */
  signersFor(world: World, placeOf: PlaceOf = inEpoch): ReadonlyMap<number, Signer> {
    return new Map(world.genesis.replicas.map((_, seat) => [seat, this.signerFor(world, seat, placeOf)]));
  }

  /** What a forged link after an epoch is signed with. */
  linkersFor(world: World): Pick<Own, "signers" | "approvers"> {
    return { signers: this.signersFor(world), approvers: this.signersFor(world, approving) };
  }
}

/** The context and the number that something is signed for. */
type PlaceOf = (epoch: Epoch) => readonly [Digest, number];

const inEpoch: PlaceOf = ({ context, number }) => [context, number];
const approving: PlaceOf = (epoch) => {
  const { context, epoch: number } = approvalContext(epoch);
  return [context, number];
};
