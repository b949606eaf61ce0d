/** Members of a cluster over its epochs, in one process: real core, signatures and stores; a network that the test holds. */
import type { Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import { clusterId, createSigner, importKeyPair, sha256 } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { ClusterMember } from "../../src/node/epochs/cluster_member.ts";
import type { ClusterMemberOptions } from "../../src/node/epochs/member_options.ts";
import { following } from "../../src/node/epochs/following.ts";
import type { ReplicaNode } from "../../src/node/node.ts";
import type { Store } from "../../src/node/ports.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { approve, type Change, type Epoch, operationOf, propose } from "../../src/wire/epochs/mod.ts";
import { type ClusterFile, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";

export const keyOf = (name: string) => importKeyPair(sha256(utf8(name)));
export const memberOf = (name: string) => ({ name, publicKey: keyOf(name).publicKey });
export const urlsOf = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, `http://${name.toLowerCase()}.example`]));

export const FOUR = ["Apple", "Ball", "Candy", "Dog"];
export const OTHERS = ["Eagle", "Fig", "Goat", "Hat"];

export const clusterFile: ClusterFile = {
  genesis: {
    name: "test",
    replicas: FOUR.map(memberOf),
    checkpointInterval: 8,
    logWindow: 32,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  },
  urls: urlsOf(FOUR),
};

/** Waits until `done`; real time, because the members' timers are real. */
export async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!await done()) {
    if (Date.now() > limit) throw new Error(`expected "${what}" within 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export class Members {
  readonly members = new Map<string, ClusterMember>();
  readonly stores = new Map<string, MemoryStore>();
  readonly down = new Set<string>();
  readonly cluster = clusterId(clusterFile.genesis);
  readonly failures: string[] = [];
  readonly #names = new Map([...FOUR, ...OTHERS].map((name) => [urlsOf([name])[name]!, name]));
  /** Wraps the store of a member, for faults. */
  wrap: (name: string, store: Store) => Store = (_name, store) => store;

  async open(name: string, options: Partial<ClusterMemberOptions> = {}): Promise<ClusterMember> {
    const before = this.stores.get(name);
    const store = before?.reopen() ?? new MemoryStore();
    this.stores.set(name, store);
    this.down.delete(name);
    const member = await ClusterMember.open({
      cluster: clusterFile,
      store: this.wrap(name, store),
      timer: systemTimer(),
      privateKey: keyOf(name).privateKey,
      stateMachine: () => new KeyValue(),
      start: before ? "resume" : "new",
      lingerMs: 10,
      transport: (epoch) => ({
        deliver: async (to, frames) => {
          const peer = epoch.genesis.replicas[to]!.name;
          const node = this.members.get(peer)?.node;
          if (!node || this.down.has(peer) || this.down.has(name)) throw new Error("connection refused");
          await node.receive(frames, undefined, epoch.genesis.replicas.findIndex((m) => m.name === name) as ReplicaId);
        },
      }),
      source: {
        links: async (url, after) => (await this.#at(url, name)).linksAfter(after),
        blobs: async (url, epoch, fetch) => await (await this.#at(url, name)).answerFetch(epoch, fetch) ?? [],
        stable: async (url) => (await this.#at(url, name)).stable(),
        entered: async (url) => (await this.#at(url, name)).entered(),
        poke: async (url) => (await this.#at(url, name)).hear(),
      },
      observers: [{
        onHostEvent: (event) => event.kind === "epoch-failed" && this.failures.push(`${name}: ${event.reason}`),
        onFault: (fault) => this.failures.push(`${name}: ${fault.error}`),
      }],
      ...options,
    });
    this.members.set(name, member);
    return member;
  }

  #at(url: string, from: string): Promise<ClusterMember> {
    const name = this.#names.get(url)!;
    const member = this.members.get(name);
    const isDown = !member || this.down.has(name) || this.down.has(from);
    return isDown ? Promise.reject(new Error("connection refused")) : Promise.resolve(member);
  }

  async openAll(names: readonly string[] = FOUR): Promise<this> {
    for (const name of names) await this.open(name);
    return this;
  }

  member(name: string): ClusterMember {
    return this.members.get(name)!;
  }

  node(name: string): ReplicaNode {
    return this.member(name).node!;
  }

  /** Power off. */
  async crash(name: string): Promise<void> {
    this.down.add(name);
    await this.member(name).close();
  }

  /** The `configure` that all members of an epoch have signed. */
  async operation(epoch: Epoch, change: Change): Promise<Uint8Array> {
    let proposal = propose(epoch, change);
    for (const { name } of epoch.genesis.replicas) {
      const signer = createSigner(keyOf(name).privateKey, epoch.cluster, epoch.number + 1);
      proposal = await approve(epoch, proposal, { signer, hash: sha256 });
    }
    return operationOf(epoch, proposal);
  }

  /** Has an operation ordered by the gateway of this member, over all its epochs. */
  async vouch(by: string, client: string, timestamp: number, operation: Uint8Array | string): Promise<string> {
    const bytes = typeof operation === "string" ? utf8(operation) : operation;
    const member = this.member(by);
    const answer = await following(member.node!, member).vouch([{ name: client, timestamp, operation: bytes }]);
    if ("reason" in answer) return `${answer.reason}: ${answer.detail}`;
    const [{ status, value }] = answer.results as [typeof answer.results[number]];
    return `${status} ${fromUtf8(value)}`;
  }

  async reached(epoch: number, names: readonly string[]): Promise<void> {
    await until(`${names} are in epoch ${epoch}`, () => names.every((name) => this.member(name).epoch.number >= epoch));
  }

  /** Waits until these have executed the same. */
  async alike(names: readonly string[]): Promise<void> {
    const histories = () => new Set<Digest | undefined>(names.map((name) => this.node(name)?.status().replica.history));
    await until(`${names} are alike`, () => histories().size === 1);
  }

  async close(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.close()));
  }
}
