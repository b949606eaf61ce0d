/**
 * The epochs that a client knows: it starts with the first, and follows the links that any member shows, as the
 * client library does.
 * @module
 */
import { chainCrypto } from "../../node/epochs/cryptography.ts";
import type { Verifier } from "../../node/ports.ts";
import { followChain } from "../../wire/epochs/mod.ts";
import type { Random } from "../random.ts";
import { type ForgedReply, hostOf, type World } from "../world/world.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { ClientRequest } from "../../core/messages/messages.ts";

/** The least time between two questions, ms. */
const ASK_MS = 300;

/** A request that waits for its answer. */
interface Asked {
  readonly digest: Digest;
  readonly request: ClientRequest;
}

/** The epochs of one client. */
export class KnownEpochs {
  readonly #name: string;
  readonly #random: Random;
  #world: World;
  #verifier: Verifier;
  #askedAt = -Infinity;
  /** Called when it has learned of a later epoch. */
  onMoved: () => void = () => {};

  constructor(world: World, name: string, random: () => Random) {
    this.#world = world;
    this.#name = name;
    // Drawn only where it is needed, so that other runs draw what they always drew.
    this.#random = world.epochs ? random() : null!;
    this.#verifier = verifierOf(world);
  }

  /** The world of the last epoch that it knows. */
  get world(): World {
    return this.#world;
  }

  /** Verifies what members of this epoch sign. */
  get verifier(): Verifier {
    return this.#verifier;
  }

  /** Replies of a thief with the keys of earlier epochs. */
  forgedReplies({ digest, request: { operations } }: Asked): readonly (ForgedReply & { readonly world: World })[] {
    const world = this.#world;
    const forged = world.epochs?.thief?.replies(digest, operations.length, world) ?? [];
    return forged.map((reply) => ({ ...reply, world }));
  }

  /** Something failed: perhaps there is another epoch by now. Asks a member for links, unless it has asked just now. */
  doubt(): void {
    const { engine, epochs, genesis, network, epoch: { number } } = this.#world;
    if (!epochs || engine.now - this.#askedAt < ASK_MS) return;
    this.#askedAt = engine.now;
    const seat = this.#random.int(0, genesis.replicas.length - 1) as ReplicaId;
    network.request(null, hostOf(this.#world, seat), (station) => station.asMember!.links(number)).then(
      (links) => this.#follow(number, links),
    ).catch(() => {}); // nobody was there, or it has lied
  }

  async #follow(from: number, links: readonly Uint8Array[]): Promise<void> {
    const { epoch, crypto, epochs } = this.#world;
    if (links.length === 0 || epoch.number !== from) return;
    const reached = await followChain(epoch, links, chainCrypto(crypto));
    if (this.#world.epoch !== epoch) return;
    for (const next of reached.slice(1)) this.#world = epochs!.entered(this.#name, next);
    this.#verifier = verifierOf(this.#world);
    this.onMoved();
  }
}

function verifierOf({ crypto, epoch }: World): Verifier {
  return crypto.createVerifier(epoch.context, epoch.number);
}
