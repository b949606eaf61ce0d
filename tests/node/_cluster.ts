/** Nodes in one process: real core, codec, signatures and stores; a network and a clock that the test holds. */
import { DEFAULT_LIMITS, type Genesis, type Limits } from "../../src/core/config.ts";
import type { ClientId, Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import type { ClientRequest, Message, Result, Signed } from "../../src/core/messages/messages.ts";
import { clusterId, createSigner, importKeyPair } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { sign } from "../../src/node/environment.ts";
import { type NodeOptions, ReplicaNode } from "../../src/node/node.ts";
import type { Store, Transport } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { decodeFrame, encodeFrame, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "./_manual_timer.ts";

export const NAMES = ["Apple", "Ball", "Candy", "Dog"];

/** A key pair that is the same in every run. */
export function keyPairOf(index: number): { privateKey: string; publicKey: string } {
  return importKeyPair(index.toString(16).padStart(64, "0"));
}

export function genesisOf(n: number, limits: Partial<Limits> = {}): Genesis {
  return {
    name: "test",
    replicas: Array.from({ length: n }, (_, i) => ({ name: NAMES[i]!, publicKey: keyPairOf(i + 1).publicKey })),
    checkpointInterval: 4,
    logWindow: 16,
    stateMachine: "key-value/1",
    limits: { ...DEFAULT_LIMITS, ...limits },
  };
}

/** Signs messages as anybody. */
export class Author {
  readonly publicKey: string;
  readonly #signer: ReturnType<typeof createSigner>;

  constructor(index: number, cluster: Digest) {
    const { privateKey, publicKey } = keyPairOf(index);
    this.publicKey = publicKey;
    this.#signer = createSigner(privateKey, cluster);
  }

  sign<M extends Message>(message: M): Signed<M> {
    return sign(this.#signer, message);
  }

  frame(message: Message, batchBytes?: Uint8Array): Uint8Array {
    return encodeFrame(this.sign(message), batchBytes);
  }

  request(
    fields: Partial<Omit<ClientRequest, "operations">> & { readonly operations?: readonly string[] } = {},
  ): ClientRequest {
    return {
      kind: "request",
      client: this.publicKey as ClientId,
      session: 0,
      timestamp: 1,
      lowestUnanswered: 1,
      ...fields,
      operations: (fields.operations ?? []).map((operation) => utf8(operation)),
    };
  }
}

/** The results in a reply frame, as text. */
export function resultsIn(answer: Uint8Array | object): readonly string[] {
  if (!(answer instanceof Uint8Array)) throw new Error(`not a frame: ${JSON.stringify(answer)}`);
  const { message } = decodeFrame(answer).signed;
  if (message.kind !== "reply") throw new Error(`not a reply: ${message.kind}`);
  return texts(message.results);
}

export function texts(results: readonly Result[]): readonly string[] {
  return results.map(({ status, value }) => `${status} ${fromUtf8(value)}`);
}

/** Carries frames between the nodes of this process, to those that are up. */
export class Network {
  readonly nodes = new Map<ReplicaId, ReplicaNode>();
  readonly down = new Set<ReplicaId>();
  /** How long each delivery takes. */
  latencyMs = 0;
  readonly #timer: ManualTimer;

  constructor(timer: ManualTimer) {
    this.#timer = timer;
  }

  transportOf(from: ReplicaId): Transport {
    return {
      deliver: async (to, frames) => {
        if (this.latencyMs > 0) await this.#timer.pass(this.latencyMs);
        const node = this.nodes.get(to);
        if (!node || this.down.has(to) || this.down.has(from)) throw new Error("connection refused");
        await node.receive(frames);
      },
    };
  }
}

export interface ClusterOptions {
  readonly n?: number;
  readonly node?: (id: ReplicaId) => Partial<NodeOptions>;
}

export class Cluster {
  readonly timer = new ManualTimer();
  readonly network = new Network(this.timer);
  readonly genesis: Genesis;
  readonly cluster: Digest;
  readonly stores = new Map<ReplicaId, MemoryStore>();
  readonly #live = new Map<ReplicaId, DyingStore>();
  readonly #options: ClusterOptions;
  /** Those that have run. */
  readonly #begun = new Set<ReplicaId>();

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.genesis = genesisOf(options.n ?? 4);
    this.cluster = clusterId(this.genesis);
  }

  static async open(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options);
    for (const id of cluster.ids) {
      cluster.stores.set(id, new MemoryStore());
      await cluster.start(id);
    }
    await cluster.timer.idle();
    return cluster;
  }

  get ids(): readonly ReplicaId[] {
    return this.genesis.replicas.map((_, id) => id as ReplicaId);
  }

  node(id: number): ReplicaNode {
    return this.network.nodes.get(id as ReplicaId)!;
  }

  author(index: number): Author {
    return new Author(index, this.cluster);
  }

  async start(id: number): Promise<ReplicaNode> {
    const self = id as ReplicaId;
    const store = new DyingStore(this.stores.get(self)!.reopen());
    this.#live.set(self, store);
    const node = await this.open(self, store);
    this.#begun.add(self);
    this.network.nodes.set(self, node);
    this.network.down.delete(self);
    return node;
  }

  /** A node of replica `self`; frames reach it once it is in the network. */
  open(self: ReplicaId, store: Store, seed: number = self): Promise<ReplicaNode> {
    return ReplicaNode.open({
      self,
      genesis: this.genesis,
      store,
      transport: this.network.transportOf(self),
      timer: this.timer,
      privateKey: keyPairOf(self + 1).privateKey,
      stateMachine: () => new KeyValue(),
      seed,
      start: this.#begun.has(self) ? "resume" : "new",
      ...this.#options.node?.(self),
    });
  }

  /** Power off: what was not committed is lost, and nothing more is heard from this node. */
  crash(id: number): void {
    this.network.down.add(id as ReplicaId);
    this.#live.get(id as ReplicaId)!.dead = true;
    void this.node(id).close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.network.nodes.values()].map((node) => node.close()));
  }
}

/** A store that takes nothing more once its machine is off. */
class DyingStore implements Store {
  dead = false;
  readonly #store: MemoryStore;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  load() {
    return this.#store.load();
  }

  read(digests: readonly Digest[]) {
    return this.#store.read(digests);
  }

  commit(...args: Parameters<Store["commit"]>) {
    return this.dead ? Promise.reject(new Error("power off")) : this.#store.commit(...args);
  }

  version() {
    return this.#store.version();
  }

  close() {
    return this.#store.close();
  }
}
