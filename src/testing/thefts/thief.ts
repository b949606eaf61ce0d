/**
 * A thief who has all keys of closed epochs, as after the removal of a whole coalition, and uses them against everybody
 * who knows a later epoch: members, those who slept, new ones, and clients. Nobody may be convinced of anything.
 * @module
 */
import { weakQuorum } from "../../core/messages/quorum.ts";
import type { Digest, ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { Reply } from "../../core/messages/messages.ts";
import { chainCrypto } from "../../node/epochs/cryptography.ts";
import { sign } from "../../node/environment.ts";
import { decodeLink, followChain } from "../../wire/epochs/mod.ts";
import { encodeFrame, utf8 } from "../../wire/mod.ts";
import type { Machine } from "../hosts/machine.ts";
import type { Random } from "../random.ts";
import type { Cluster } from "../world/cluster.ts";
import type { ForgedReply, Thieving, World } from "../world/world.ts";
import { forgedWords } from "./forged_words.ts";
import { forkFrom, type ForkOptions, lureAfter } from "./forks.ts";
import { StolenKeys } from "./stolen_keys.ts";

/** The mean time between two attacks on members, ms. */
const ATTACK_MS = 700;
/** The part of the questions for links, and of the requests of clients, to which the thief answers. */
const [LINKS, REPLIES] = [0.2, 0.2];

/** The coverage of forks that nobody would follow: then the thief tries nothing. */
export const INVALID_FORKS = "forks that are not even valid for those who know no better";

/** The thief of one run. */
export class Thief implements Thieving {
  readonly #cluster: Cluster;
  readonly #random: Random;
  /** Its chains, by the number of epochs whose keys they need. */
  readonly #forks = new Map<number, readonly Uint8Array[]>();

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Begins. Nothing is stolen before an epoch is closed. */
  start(): void {
    const { world: { engine } } = this.#cluster;
    engine.after(this.#random.exponential(ATTACK_MS), () => {
      void this.#attack();
      this.start();
    });
  }

  links(after: number): readonly Uint8Array[] | null {
    const random = this.#random;
    const usable = [...this.#forks.keys()].filter((stolen) => stolen <= after);
    if (usable.length === 0 || !this.#worlds[after] || !random.chance(LINKS)) return null;
    const stolen = random.pick(usable);
    this.#count("links shown");
    return lureAfter(after, this.#forks.get(stolen)!, this.#material(stolen));
  }

  replies(request: Digest, operations: number, world: World): readonly ForgedReply[] {
    const { number } = world.epoch;
    const random = this.#random;
    if (number === 0 || !random.chance(REPLIES)) return [];
    this.#count("replies");
    const sequence = world.epoch.start!.sequence + 1 as SequenceNumber;
    const result = { sequence, status: "ok", value: utf8('"stolen"') } as const;
    const results = Array.from({ length: Math.max(1, operations) }, () => result);
    const keys = this.#keys(random.int(1, number));
    const { length } = world.genesis.replicas;
    return random.shuffled(Array.from({ length }, (_, seat) => seat as ReplicaId))
      .slice(0, weakQuorum(length))
      .map((replica) => {
        const said: Reply = { kind: "reply", replica, view: 0 as Reply["view"], request, results };
        return { replica, frame: encodeFrame(sign(keys.signerFor(world, replica), said)) };
      });
  }

  get #worlds(): readonly World[] {
    return this.#cluster.world.epochs!.all;
  }

  #keys(stolen: number): StolenKeys {
    return new StolenKeys(this.#worlds.slice(0, stolen), this.#random);
  }

  #material(stolen: number): ForkOptions {
    const { epochs } = this.#cluster.world;
    return { worlds: this.#worlds, stolen, links: epochs!.links(), random: this.#random };
  }

  #count(what: string): void {
    this.#cluster.world.coverage.count("stolen keys", what);
  }

  async #attack(): Promise<void> {
    const { machines } = this.#cluster;
    const random = this.#random;
    const victims = machines.filter((machine) => !machine.isFaulty && machine.node && machine.world.epoch.number > 0);
    if (victims.length === 0) return;
    const victim = random.pick(victims);
    const { number } = victim.world.epoch;
    const stolen = random.int(1, number);
    if (this.#cluster.world.epochs!.links().length < number) return;
    if (random.chance(0.3)) await this.#fork(stolen);
    else this.#speak(victim, stolen);
  }

  #speak(victim: Machine, stolen: number): void {
    const { world, node } = victim;
    const { certificate } = decodeLink(this.#material(stolen).links[stolen - 1]!);
    const liars = world.genesis.replicas.flatMap(({ publicKey }, seat) =>
      this.#cluster.machinesOf(world.hosts.hostOf(publicKey)).some(({ isFaulty }) => isFaulty)
        ? [seat as ReplicaId]
        : []
    );
    const frames = forgedWords({ world, status: node!.status().replica, liars }, {
      keys: this.#keys(stolen),
      random: this.#random,
      closing: certificate,
    });
    this.#count("words");
    victim.receive(frames).catch(() => {});
  }

  /** Makes a chain, and shows it to everybody who knows a later epoch, as if they had asked. */
  async #fork(stolen: number): Promise<void> {
    const material = this.#material(stolen);
    const fork = await forkFrom(material).catch(() => null);
    this.#count(fork ? "forks" : INVALID_FORKS);
    if (!fork) return;
    this.#forks.set(stolen, fork);
    const { report, crypto } = this.#cluster.world;
    for (const { epoch } of this.#worlds.slice(stolen)) {
      const lure = lureAfter(epoch.number, fork, material);
      const reached = await followChain(epoch, lure, chainCrypto(crypto)).catch(() => [epoch]);
      const last = reached.at(-1)!;
      const known = this.#worlds[last.number];
      if (known?.epoch.context === last.context) continue; // a true link, or none
      report(
        "epochs",
        `the keys of epoch ${stolen - 1} lead those who know epoch ${epoch.number} to another ${last.number}`,
      );
    }
  }
}
