/**
 * A liar that sends frames to whole nodes: codec, gate, signatures, core, store. Each lie is a frame that somebody sent,
 * with its structure changed and signed by the liar, or with its bytes changed. Prints the seed that replays a failure.
 */
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { Message, MessageKind, Signed } from "../../src/core/messages/messages.ts";
import { createSigner } from "../../src/crypto/mod.ts";
import { sign } from "../../src/node/environment.ts";
import type { Transport } from "../../src/node/ports.ts";
import { mutateStructure } from "../../src/testing/adversary/structural_mutations.ts";
import { Random } from "../../src/testing/random.ts";
import { decodeFrame, encodeFrame } from "../../src/wire/mod.ts";
import { Cluster, keyPairOf, resultsIn } from "../node/_cluster.ts";

export interface NodeFuzzReport {
  lies: number;
  /** Lies that the message format cannot express. */
  unsayable: number;
  readonly kinds: Set<MessageKind | "bytes">;
  /** Errors of `receive`, inputs on which a core threw, replicas that halted, requests without an answer. */
  readonly faults: string[];
}

/** The messages that are kept of each kind. */
const MEMORY = 16;
const LIAR = 3 as ReplicaId;
/** The rounds in which the liar does as a correct replica does. */
const HONEST = 16;
/** Lies for each frame that a correct replica sends. */
const LIES_PER_FRAME = 3;

/** Tells `lies` lies, over clusters with the seeds from `seed` on. */
export async function fuzzNode(seed: number, lies: number): Promise<NodeFuzzReport> {
  const report: NodeFuzzReport = { lies: 0, unsayable: 0, kinds: new Set(), faults: [] };
  for (let i = seed; report.lies < lies && report.faults.length === 0; i++) {
    await new LiedTo(i, report).run(Math.min(4_000, lies - report.lies));
  }
  return report;
}

class LiedTo {
  readonly #random: Random;
  readonly #heard = new Map<MessageKind, { message: Message; frame: Uint8Array; batch?: Uint8Array }[]>();
  #left = 0;
  #isLying = false;

  constructor(readonly seed: number, readonly report: NodeFuzzReport) {
    this.#random = new Random(seed);
  }

  async run(lies: number): Promise<void> {
    this.#left = lies;
    const cluster = await Cluster.open({ node: (id) => ({ transport: this.#overheard(() => cluster, id) }) });
    const ada = cluster.author(90);
    const session = Number((await this.#ask(cluster, ada.frame(ada.request())))?.replace("ok ", ""));
    for (let round = 1; (this.#left > 0 || round < HONEST) && round < 400 && this.report.faults.length === 0; round++) {
      // First it only listens, to a view change among others. As long as a replica is away, the liar is correct.
      if (round === 5) cluster.crash(0);
      if (round === HONEST - 5) await cluster.start(0);
      this.#isLying = round > HONEST;
      if (this.#isLying && round % 20 === 0) {
        const id = this.#random.int(0, 2);
        cluster.crash(id);
        await cluster.start(id);
      }
      const operations = [`SET k${round % 5} ${round}`];
      const request = ada.request({ session, timestamp: round, lowestUnanswered: round, operations });
      const answer = await this.#ask(cluster, ada.frame(request));
      if (answer !== 'ok "OK"') this.#fault(`request ${round}: ${answer}`);
      await this.#pass(cluster, this.#random.int(0, 500));
    }
    await cluster.close();
  }

  /** Sends a request to all, and waits for the first answer for at most a minute. */
  async #ask(cluster: Cluster, frame: Uint8Array): Promise<string | null> {
    let answer: string | null = null;
    for (const id of cluster.ids) {
      if (id === LIAR || cluster.network.down.has(id)) continue;
      void cluster.node(id).submit(frame).then((reply) => {
        if (reply instanceof Uint8Array) answer ??= resultsIn(reply).join();
      });
    }
    for (let i = 0; i < 600 && answer === null; i++) await this.#pass(cluster, 100);
    return answer;
  }

  async #pass(cluster: Cluster, ms: number): Promise<void> {
    await cluster.timer.advance(ms);
    for (const id of cluster.ids) {
      if (id === LIAR || cluster.network.down.has(id)) continue;
      const { inputFaults, lastInputFault, halted } = cluster.node(id).status();
      if (inputFaults > 0) this.#fault(`replica ${id}: ${lastInputFault?.input}: ${lastInputFault?.error}`);
      if (halted) this.#fault(`replica ${id} halted: ${halted}`);
    }
  }

  #fault(what: string): void {
    if (this.report.faults.length < 5) {
      this.report.faults.push(`seed ${this.seed}, after ${this.report.lies} lies: ${what}`);
    }
  }

  /** The network of a replica, to which the liar listens. */
  #overheard(cluster: () => Cluster, from: ReplicaId): Transport {
    return {
      deliver: async (to, frames) => {
        const { network } = cluster();
        for (const frame of frames) this.#hear(frame);
        const node = network.nodes.get(to);
        if (!node || network.down.has(to) || network.down.has(from)) throw new Error("connection refused");
        await node.receive([...frames, ...to === LIAR ? [] : this.#lies(cluster(), frames.length)]).catch((error) => {
          this.#fault(`receive: ${error.stack}`);
        });
      },
    };
  }

  #hear(frame: Uint8Array): void {
    const { signed: { message }, batchBytes } = decodeFrame(frame);
    const same = this.#heard.get(message.kind) ?? [];
    this.#heard.set(message.kind, same);
    const kept = { message, frame, ...batchBytes && { batch: batchBytes } };
    if (same.length < MEMORY) same.push(kept);
    else same[this.#random.int(0, MEMORY - 1)] = kept;
  }

  #lies(cluster: Cluster, frames: number): readonly Uint8Array[] {
    if (!this.#isLying) return [];
    const lies: Uint8Array[] = [];
    for (let i = 0; i < LIES_PER_FRAME * frames && this.#left > 0; i++) {
      const lie = this.#lie(cluster);
      if (!lie) continue;
      this.#left--;
      this.report.lies++;
      lies.push(lie);
    }
    return lies;
  }

  #lie(cluster: Cluster): Uint8Array | null {
    const random = this.#random;
    const { message, frame, batch } = random.pick(random.pick([...this.#heard.values()]));
    if (random.chance(0.05)) {
      this.report.kinds.add("bytes");
      return damaged(frame, random);
    }
    const signer = createSigner(keyPairOf(LIAR + 1).privateKey, cluster.cluster);
    const spare = [...this.#heard.values()].map((same) => random.pick(same).message);
    const resign = (changed: Signed, before: Signed): Signed => {
      return "replica" in before.message && before.message.replica === LIAR ? sign(signer, changed.message) : before;
    };
    const own = "replica" in message ? { ...message, replica: LIAR } as Message : message;
    try {
      const changed = mutateStructure(own, random, { spare, resign });
      const lie = encodeFrame(sign(signer, changed), batch);
      this.report.kinds.add(message.kind);
      return lie;
    } catch {
      this.report.unsayable++;
      return null;
    }
  }
}

function damaged(frame: Uint8Array, random: Random): Uint8Array {
  const at = random.int(0, frame.length - 1);
  const flipped = frame.slice();
  flipped[at]! ^= 1 << random.int(0, 7);
  const inserted = Uint8Array.of(...frame.subarray(0, at), random.int(0, 255), ...frame.subarray(at));
  return random.pick([flipped, frame.slice(0, at), inserted]);
}
