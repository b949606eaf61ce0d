/**
 * Chains that branch off from an epoch whose keys are stolen. Each is valid for those who know no later epoch, and must
 * lead nobody anywhere who knows one.
 * @module
 */
import { chainCrypto } from "../../node/epochs/cryptography.ts";
import { decodeLink, encodeLink, type Epoch, followLink, type Link } from "../../wire/epochs/mod.ts";
import { forged, ownLink } from "../epochs/forged_links.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";
import { StolenKeys } from "./stolen_keys.ts";

/** What the thief has. */
export interface ForkOptions {
  /** The worlds of all epochs so far. The keys of the first `stolen` are stolen. */
  readonly worlds: readonly World[];
  readonly stolen: number;
  /** All true links. */
  readonly links: readonly Uint8Array[];
  readonly random: Random;
}

/** Links that nobody agreed on, after the last stolen epoch. */
export async function forkFrom({ worlds, stolen, links, random }: ForkOptions): Promise<readonly Uint8Array[]> {
  const world = worlds[stolen - 1]!;
  const { crypto, hosts } = world;
  const { replicas } = world.genesis;
  const link = decodeLink(links[stolen - 1]!);
  const fork: Uint8Array[] = [];
  let epoch: Epoch = world.epoch;
  // It is longer than the true chain, so that it has an answer for everybody.
  for (let left = worlds.length - stolen + 1; left > 0; left--) {
    const { context, number, genesis } = epoch;
    const signers = new Map(
      replicas.map(({ publicKey }, seat) => [
        seat,
        crypto.createSigner(hosts.privateKeyOf(publicKey), context, number),
      ]),
    );
    // The members stay those whose keys the thief has. No true configuration has such a window: what the thief signs
    // for it says nothing in any true epoch.
    const logWindow = genesis.checkpointInterval * random.int(20, 50);
    const changes = { genesis: { ...world.genesis, logWindow }, urls: world.epoch.urls };
    const own: Link = ownLink({ epoch, crypto, hosts }, link, { signers, changes });
    fork.push(encodeLink(own));
    epoch = await followLink(epoch, own, chainCrypto(crypto));
  }
  return fork;
}

/** What the thief shows to somebody who knows this epoch, which is later than those whose keys it has. */
export function lureAfter(known: number, fork: readonly Uint8Array[], options: ForkOptions): readonly Uint8Array[] {
  const { worlds, stolen, links, random } = options;
  const world = worlds[known]!;
  const keys = new StolenKeys(worlds.slice(0, stolen), random);
  const further = fork.slice(known - stolen + 1);
  const patch = () => {
    const link = decodeLink(random.pick(links));
    return forged(world, { link, known: links, random, ...keys.linkersFor(world) });
  };
  const own = () => encodeLink(ownLink(world, decodeLink(links.at(-1)!), keys.linkersFor(world)));
  return random.pick<() => readonly Uint8Array[]>([
    () => further,
    () => fork,
    () => fork.slice(-1),
    () => [...links.slice(0, stolen), ...fork],
    () => [own(), ...further.slice(1)],
    () => [patch()],
  ])();
}
