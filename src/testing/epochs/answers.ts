/**
 * What a host answers other members, those of earlier epochs, and clients about its epochs.
 * @module
 */
import type { ClusterMember } from "../../node/epochs/cluster_member.ts";
import type { Entered } from "../../wire/epochs/mod.ts";
import type { Random } from "../random.ts";
import type { MemberAnswers } from "../world/network.ts";
import type { Answering, World } from "../world/world.ts";
import { forgedLinks } from "./forged_links.ts";

/** How often a liar forges what it is asked for. */
const FORGED = 0.7;

/** The answers of one host, as it is now. */
export function answersOf(
  { world, replica: host, isFaulty }: Answering,
  member: ClusterMember | null,
  random: Random,
): MemberAnswers {
  const lies = () => isFaulty && random.chance(FORGED);
  return {
    links(after) {
      const links = member?.linksAfter(after) ?? [];
      const stolen = world.epochs?.thief?.links(after) ?? null;
      if (stolen) return Promise.resolve(stolen);
      return Promise.resolve(lies() ? forgedLinks(world, { links, after, host, random }) : links);
    },
    async blobs(epoch, frame) {
      const blobs = await member?.answerFetch(epoch, frame) ?? [];
      return isFaulty ? blobs.map((bytes) => bytes.map((byte, i) => i === 3 ? byte ^ 1 : byte)) : blobs;
    },
    stable() {
      const frames = member?.stable() ?? [];
      // One vote again and again is no quorum.
      return Promise.resolve(lies() ? frames.map(() => frames[0]!) : frames);
    },
    entered() {
      const entered = member?.entered() ?? null;
      return Promise.resolve(entered && lies() ? inAnothersName(entered, world, random) : entered);
    },
  };
}

function inAnothersName({ signature }: Entered, { genesis }: World, random: Random): Entered {
  return { member: random.int(0, genesis.replicas.length - 1), signature };
}
