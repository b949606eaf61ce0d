/**
 * Four nodes in virtual time that count what they do. A link and a commit take 1 ms each, so the same run gives the same counts on every
 * machine.
 * @module
 */
import { DEFAULT_LIMITS, type Genesis } from "../../../src/core/config.ts";
import type { Digest, ReplicaId } from "../../../src/core/messages/ids.ts";
import type { GatewayOperation } from "../../../src/core/messages/messages.ts";
import { clusterId } from "../../../src/crypto/mod.ts";
import { KeyValue } from "../../../src/machines/mod.ts";
import { ReplicaNode } from "../../../src/node/node.ts";
import { CRYPTOGRAPHY } from "../../../src/node/options.ts";
import type { Cryptography, Observer, Store, Transport } from "../../../src/node/ports.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { Author, keyPairOf, NAMES, resultsIn } from "../../node/_cluster.ts";
import { ManualTimer } from "../../node/_manual_timer.ts";

/** What is counted, in all replicas together. */
export interface Counts {
  /** Messages of replicas to replicas, one per receiver. */
  messages: number;
  /** Their bytes. */
  bytes: number;
  /** Calls of the transport, each with one or more messages. */
  deliveries: number;
  /** Signed answers to clients. */
  replies: number;
  verifications: number;
  signatures: number;
  commits: number;
  /** What commits write, keys and values. */
  storedBytes: number;
}

export const NOTHING: Counts = {
  messages: 0,
  bytes: 0,
  deliveries: 0,
  replies: 0,
  verifications: 0,
  signatures: 0,
  commits: 0,
  storedBytes: 0,
};

const N = 4;
/** No checkpoint falls into what is counted. */
const CHECKPOINT_INTERVAL = 256;
const LINK_MS = 1;
const COMMIT_MS = 1;
/** After a work is done, what it causes further is over within this time, ms. */
const TAIL_MS = 5;
/** A work that takes longer hangs, virtual ms. */
const MAX_MS = 1_000;
/** Replicas that start exchange their status first. */
const START_MS = 2_000;

/** A cluster whose counts can be read. */
export class CountedCluster {
  readonly timer = new ManualTimer();
  readonly counts: Counts = { ...NOTHING };
  readonly #nodes: ReplicaNode[] = [];
  readonly #genesis: Genesis = {
    name: "gates",
    replicas: NAMES.map((name, i) => ({ name, publicKey: keyPairOf(i + 1).publicKey })),
    checkpointInterval: CHECKPOINT_INTERVAL,
    logWindow: 2 * CHECKPOINT_INTERVAL,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };

  /** Starts the nodes. */
  static async start(): Promise<CountedCluster> {
    const cluster = new CountedCluster();
    const opening = Promise.all(Array.from({ length: N }, (_, id) => cluster.#open(id as ReplicaId)));
    await cluster.settle(opening);
    cluster.#nodes.push(...await opening);
    await cluster.timer.advance(START_MS);
    return cluster;
  }

  /** A client that signs, with an open session. */
  async client(index: number): Promise<CountedClient> {
    const author = new Author(index, clusterId(this.#genesis));
    const opening = this.#submit(author.frame(author.request()), [0, 1]);
    await this.settle(opening);
    const session = Number(resultsIn((await opening)[0]!)[0]!.replace("ok ", ""));
    let timestamp = 0;
    return {
      submit: async (operations, second) => {
        timestamp++;
        const request = author.request({ session, timestamp, lowestUnanswered: timestamp, operations });
        for (const answer of await this.#submit(author.frame(request), [0, second])) {
          for (const result of resultsIn(answer)) if (!result.startsWith("ok")) throw new Error(result);
        }
      },
    };
  }

  /** Unsigned operations that come to the first member together. */
  async vouch(operations: readonly GatewayOperation[]): Promise<void> {
    await Promise.all(operations.map(async (operation) => {
      const answer = await this.#nodes[0]!.vouch([operation]);
      if ("reason" in answer) throw new Error(answer.detail);
    }));
  }

  /** Lets `work` happen, and all that it causes. */
  async settle(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    work.then(() => isDone = true, () => isDone = true);
    for (let ms = 0; !isDone; ms++) {
      if (ms === MAX_MS) throw new Error(`not done within ${MAX_MS} ms of virtual time`);
      await this.timer.advance(1);
    }
    await this.timer.advance(TAIL_MS);
    await work;
  }

  async close(): Promise<void> {
    await this.settle(Promise.all(this.#nodes.map((node) => node.close())));
  }

  /** A client sends its request to the primary and to f others. As the library does, it takes replies that are signed together. */
  async #submit(frame: Uint8Array, to: readonly number[]): Promise<Uint8Array[]> {
    return await Promise.all(to.map(async (id) => {
      await this.timer.pass(LINK_MS);
      const answer = await this.#nodes[id]!.submit(frame, { acceptsPaths: true });
      if (!(answer instanceof Uint8Array)) throw new Error(answer.detail);
      return answer;
    }));
  }

  #open(self: ReplicaId): Promise<ReplicaNode> {
    return ReplicaNode.open({
      self,
      genesis: this.#genesis,
      store: this.#counted(new MemoryStore()),
      transport: this.#transport(self),
      timer: this.timer,
      privateKey: keyPairOf(self + 1).privateKey,
      stateMachine: () => new KeyValue(),
      observers: [this.#observer()],
      crypto: this.#cryptography(),
      seed: self,
      start: "new",
    });
  }

  /** As a WebSocket that is always writable. Each member has proved who it is, so that its surplus votes are left unverified. */
  #transport(from: ReplicaId): Transport {
    const arrive = async (to: ReplicaId, frames: readonly Uint8Array[]) => {
      this.counts.deliveries++;
      await this.timer.pass(LINK_MS);
      await this.#nodes[to]?.receive(frames, undefined, from);
    };
    return {
      send: (to, frames) => (void arrive(to, frames), true),
      deliver: arrive,
    };
  }

  #observer(): Observer {
    return {
      onMessage: (direction, kind, bytes) => {
        if (direction === "in") return;
        if (kind === "reply" || kind === "query-reply") return void this.counts.replies++;
        this.counts.messages++;
        this.counts.bytes += bytes;
      },
      onCommit: (_, __, bytes) => {
        this.counts.commits++;
        this.counts.storedBytes += bytes;
      },
    };
  }

  #cryptography(): Cryptography {
    const { counts } = this;
    return {
      hash: CRYPTOGRAPHY.hash,
      createSigner(privateKey, cluster) {
        const { publicKey, sign } = CRYPTOGRAPHY.createSigner(privateKey, cluster);
        return { publicKey, sign: (kind, bytes) => (counts.signatures++, sign(kind, bytes)) };
      },
      createVerifier(cluster) {
        const verifier = CRYPTOGRAPHY.createVerifier(cluster);
        return { verify: (...signed) => (counts.verifications++, verifier.verify(...signed)) };
      },
    };
  }

  #counted(store: MemoryStore): Store {
    return {
      load: () => store.load(),
      read: (digests: readonly Digest[]) => store.read(digests),
      commit: async (writes, expected) => {
        await this.timer.pass(COMMIT_MS);
        return await store.commit(writes, expected);
      },
      close: () => store.close(),
    };
  }
}

/** A client of a {@linkcode CountedCluster}. */
export interface CountedClient {
  /** Sends operations in one request to the primary and to one other replica. Rejects if any fails. */
  submit(operations: readonly string[], second: number): Promise<void>;
}
