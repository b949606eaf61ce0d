/**
 * What the members of a coalition share: keys, knowledge, the sides that are told different stories, and a way to send.
 * @module
 */
import type { Digest, ReplicaId, View } from "../../core/messages/ids.ts";
import type { Message, PreparedCertificate, PrePrepare, ReplicaMessage, Signed } from "../../core/messages/messages.ts";
import { maxFaulty, primaryOf, quorum } from "../../core/messages/quorum.ts";
import { sign } from "../../node/environment.ts";
import type { Signer } from "../../node/ports.ts";
import { encodeBatch, encodeFrame } from "../../wire/mod.ts";
import type { Random } from "../random.ts";
import { hostOf, type World } from "../world/world.ts";
import { Knowledge } from "./knowledge.ts";

/** The batch that the other side is told of. */
export interface Story {
  readonly digest: Digest;
  /** Absent if its body is withheld. */
  readonly body?: Uint8Array;
}

/** The parts of a plot. */
export interface PlotOptions {
  readonly world: World;
  readonly members: readonly ReplicaId[];
  readonly random: Random;
}

/** The shared state of a coalition. */
export class Plot {
  readonly world: World;
  readonly members: readonly ReplicaId[];
  readonly random: Random;
  readonly knowledge: Knowledge = new Knowledge();
  readonly f: number;
  readonly quorum: number;
  /** All other replicas. */
  readonly victims: readonly ReplicaId[];
  /** The replicas that are told the other story. */
  readonly side: ReadonlySet<ReplicaId>;
  /** The other story, by view and number. */
  readonly stories: Map<string, Story> = new Map();
  /** Prepared certificates that only the coalition has, by number. */
  readonly secrets: Map<number, PreparedCertificate> = new Map();
  /** Whether the secret certificates are shown in the view-changes for a view. */
  readonly isShownIn: (view: View) => boolean;
  /** The digest of a null request. */
  readonly nullBatch: Story;
  readonly #signers = new Map<ReplicaId, Signer>();

  constructor({ world, members, random }: PlotOptions) {
    const { genesis, crypto, signerOf } = world;
    this.world = world;
    this.members = members;
    this.random = random;
    const n = genesis.replicas.length;
    this.f = maxFaulty(n);
    this.quorum = quorum(n);
    this.victims = genesis.replicas.map((_, id) => id as ReplicaId).filter((id) => !members.includes(id));
    // With n - quorum replicas on the other side, the first story just prepares with the members' help.
    const count = random.chance(0.5) ? n - this.quorum : random.int(1, Math.max(1, this.victims.length - 1));
    this.side = new Set(random.shuffled(this.victims).slice(0, count));
    this.isShownIn = random.pick<(view: View) => boolean>([
      () => true,
      () => random.chance(0.5),
      (view) => !members.includes(primaryOf(view, n)),
      (view) => !members.includes(primaryOf(view, n)),
    ]);
    for (const member of members) this.#signers.set(member, signerOf(member));
    const body = encodeBatch(0 as never, []);
    this.nullBatch = { digest: crypto.hash(body), body };
  }

  /** Signs in a member's name. */
  sign<M extends ReplicaMessage>(message: M): Signed<M> {
    return sign(this.#signers.get(message.replica)!, message);
  }

  /** The frame of a member's message. */
  frame(message: ReplicaMessage, body?: Uint8Array): Uint8Array {
    return encodeFrame(this.sign(message), body);
  }

  /** Whether a member signed this message. */
  isOwn(message: Message): message is ReplicaMessage {
    return "replica" in message && this.members.includes(message.replica);
  }

  /** The other story at a place. */
  storyOf({ view, sequence }: Pick<PrePrepare, "view" | "sequence">): Story | undefined {
    return this.stories.get(`${view}/${sequence}`);
  }

  /** Sends a message that no core asked for. */
  send(member: ReplicaId, to: ReplicaId, frames: readonly Uint8Array[]): void {
    const station = this.world.network.stations.get(hostOf(this.world, member))?.[0];
    if (!station?.isUp || to === member) return;
    this.world.network.deliver(station, hostOf(this.world, to), frames).catch(() => {});
  }

  /** Counts an action of a scheme. */
  note(what: string): void {
    this.world.coverage.count("coalition", what);
  }
}
