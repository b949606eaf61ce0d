/**
 * A cluster whose replicas each run in several isolates on one Deno KV database, in virtual time: every call of a database takes so
 * long, every message too, and whatever comes for a replica goes to any of its isolates. The program itself takes no time.
 */
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { millis, type ReplicaId } from "../../src/core/messages/ids.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import type { Transport } from "../../src/node/ports.ts";
import { EDGE_SETTINGS } from "../../src/runtime/host/edge_settings.ts";
import { DenoKvStore, type KvAtomic, type KvDatabase } from "../../src/stores/deno_kv.ts";
import { Random } from "../../src/testing/random.ts";
import { KvContents, SimulatedKv } from "../../src/testing/hosts/simulated_kv.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { Author, keyPairOf, NAMES, resultsIn } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";

export interface IsolatesOptions {
  /** Of each replica. */
  readonly isolates: number;
  /** How long a call of the database takes, ms; each differs by up to a quarter. */
  readonly callMs: number;
  /** How long a message takes one way, ms. */
  readonly networkMs: number;
  readonly seed?: number;
}

/** What was counted. */
export interface Fared {
  readonly done: number;
  readonly perSecond: number;
  readonly conflicts: number;
  readonly commits: number;
  readonly calls: number;
  /** Times that all of a store's records were read. */
  readonly wholeReads: number;
  readonly view: number;
  readonly reloads: number;
}

/** The cluster. */
export class IsolatesCluster {
  readonly timer = new ManualTimer();
  readonly genesis: Genesis = {
    name: "isolates",
    replicas: NAMES.map((name, i) => ({ name, publicKey: keyPairOf(i + 1).publicKey })),
    checkpointInterval: 32,
    logWindow: 128,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  readonly #cluster = clusterId(this.genesis);
  readonly counts = { conflicts: 0, commits: 0, calls: 0, wholeReads: 0 };
  readonly #options: IsolatesOptions;
  readonly #random: Random;
  readonly #isolates = new Map<ReplicaId, ReplicaNode[]>();
  readonly #contents = new Map<ReplicaId, KvContents>();
  readonly #hosts = new WeakMap<ReplicaNode, { isFrozen: boolean }>();

  private constructor(options: IsolatesOptions) {
    this.#options = options;
    this.#random = new Random(options.seed ?? 1);
  }

  static async open(options: IsolatesOptions): Promise<IsolatesCluster> {
    const cluster = new IsolatesCluster(options);
    const opening = NAMES.map(async (_, id) => {
      const contents = new KvContents();
      const isolates: ReplicaNode[] = [];
      cluster.#isolates.set(id as ReplicaId, isolates);
      cluster.#contents.set(id as ReplicaId, contents);
      for (let i = 0; i < options.isolates; i++) isolates.push(await cluster.#open(id as ReplicaId, contents, i));
    });
    await cluster.#until(Promise.all(opening));
    return cluster;
  }

  /** Any of its isolates. */
  any(id: ReplicaId): ReplicaNode {
    const isolates = this.#isolates.get(id)!;
    return this.#random.pick(isolates);
  }

  /** Starts another isolate of a replica. */
  async add(id: ReplicaId): Promise<ReplicaNode> {
    const isolates = this.#isolates.get(id)!;
    isolates.push(await this.#until(this.#open(id, this.#contents.get(id)!, isolates.length)));
    return isolates.at(-1)!;
  }

  /** One isolate of each replica gets no turn any more, whatever it was about to do: nothing reaches it, and no call of its database ends. */
  freeze(): void {
    for (const isolates of this.#isolates.values()) {
      const frozen = this.#random.pick(isolates);
      isolates.splice(isolates.indexOf(frozen), 1);
      this.#hosts.get(frozen)!.isFrozen = true;
    }
  }

  nodes(): readonly ReplicaNode[] {
    return [...this.#isolates.values()].flat();
  }

  /** So many callers ask again as soon as they are answered, for so long; `halfway` is called in the middle. */
  async run({ callers, seconds, halfway }: {
    readonly callers: number;
    readonly seconds: number;
    readonly halfway?: () => void;
  }): Promise<Fared> {
    const clients = Array.from({ length: callers }, (_, i) => new Caller(this, new Author(100 + i, this.#cluster)));
    await this.#until(Promise.all(clients.map((client) => client.open())));
    let done = 0;
    let isOver = false;
    const before = { ...this.counts };
    const load = Promise.all(clients.map(async (client) => {
      while (!isOver) {
        await client.ask("INCR n");
        if (!isOver) done++;
      }
    }));
    await this.timer.advance(500 * seconds);
    halfway?.();
    await this.timer.advance(500 * seconds);
    isOver = true;
    const after = { ...this.counts };
    await this.#until(load);
    return {
      done,
      perSecond: done / seconds,
      conflicts: after.conflicts - before.conflicts,
      commits: after.commits - before.commits,
      calls: after.calls - before.calls,
      wholeReads: after.wholeReads - before.wholeReads,
      view: Math.max(...this.nodes().map((node) => node.status().replica.view)),
      reloads: this.nodes().reduce((sum, node) => sum + node.status().reloads, 0),
    };
  }

  async close(): Promise<void> {
    await this.#until(Promise.all(this.nodes().map((node) => node.close())));
  }

  async #open(self: ReplicaId, contents: KvContents, index: number): Promise<ReplicaNode> {
    const host = { isFrozen: false };
    const node = await ReplicaNode.open({
      self,
      genesis: this.genesis,
      store: new DenoKvStore(this.#slow(new SimulatedKv(contents), host)),
      transport: this.#transport(),
      timer: this.timer,
      privateKey: keyPairOf(self + 1).privateKey,
      stateMachine: () => new KeyValue(),
      settings: EDGE_SETTINGS,
      persistInputs: true,
      start: index === 0 ? "new" : "resume",
      seed: 100 * self + index,
    });
    this.#hosts.set(node, host);
    return node;
  }

  #transport(): Transport {
    return {
      deliver: async (to, frames, signal) => {
        await this.timer.pass(this.#options.networkMs);
        signal.throwIfAborted();
        await this.any(to).receive(frames);
        await this.timer.pass(this.#options.networkMs);
      },
    };
  }

  /** One replica's answer, as if by a POST. */
  async post(id: ReplicaId, frame: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    await this.timer.pass(this.#options.networkMs);
    const answer = await this.any(id).submit(frame, { signal });
    await this.timer.pass(this.#options.networkMs);
    if (answer instanceof Uint8Array) return answer;
    throw new Error(answer.detail);
  }

  #slow(kv: KvDatabase, host: { readonly isFrozen: boolean }): KvDatabase {
    const call = async <T>(make: () => Promise<T>): Promise<T> => {
      this.counts.calls++;
      const half = (this.#options.callMs / 2) * this.#random.between(0.75, 1.25);
      await this.timer.pass(half);
      const result = await make();
      await this.timer.pass(half);
      if (host.isFrozen) await new Promise(() => {});
      return result;
    };
    const wrap = (atomic: KvAtomic): KvAtomic => {
      const outer: KvAtomic = {
        check: (check) => (atomic.check(check), outer),
        set: (key, value) => (atomic.set(key, value), outer),
        delete: (key) => (atomic.delete(key), outer),
        commit: async () => {
          const result = await call(() => atomic.commit());
          this.counts[result.ok ? "commits" : "conflicts"]++;
          return result;
        },
      };
      return outer;
    };
    return {
      get: (key) => call(() => kv.get(key)),
      getMany: (keys) => call(() => kv.getMany(keys)),
      list: (selector, options) => {
        if (selector.start === undefined) this.counts.wholeReads++;
        return slowly(selector, options, call, kv);
      },
      atomic: () => wrap(kv.atomic()),
      close: () => kv.close(),
    };
  }

  /** Lets time pass until it is settled. */
  async #until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    promise.finally(() => isSettled = true).catch(() => {});
    for (let turn = 0; !isSettled; turn++) {
      if (turn === 60_000) throw new Error("ten minutes have passed");
      await this.timer.advance(10);
    }
    return await promise;
  }
}

/** A client that has one request under way, and asks as the client library does. */
class Caller {
  readonly #cluster: IsolatesCluster;
  readonly #author: Author;
  #session = 0;
  #timestamp = 0;

  constructor(cluster: IsolatesCluster, author: Author) {
    this.#cluster = cluster;
    this.#author = author;
  }

  async open(): Promise<void> {
    this.#session = Number((await this.#send([], 1)).replace("ok ", ""));
  }

  async ask(operation: string): Promise<void> {
    await this.#send([operation], ++this.#timestamp);
  }

  /** First the primary and another one, then everybody, until f + 1 say the same. */
  async #send(operations: readonly string[], timestamp: number): Promise<string> {
    const fields = { session: this.#session, timestamp, lowestUnanswered: timestamp, operations };
    const frame = this.#author.frame(this.#author.request(fields));
    const { timer } = this.#cluster;
    const controller = new AbortController();
    const votes = new Map<number, string>();
    const { promise, resolve } = Promise.withResolvers<string>();
    const post = async (id: number) => {
      const answer = await this.#cluster.post(id as ReplicaId, frame, controller.signal).catch(() => null);
      if (answer === null) return;
      const result = resultsIn(answer)[0]!;
      votes.set(id, result);
      if ([...votes.values()].filter((vote) => vote === result).length >= 2) resolve(result);
    };
    for (const id of [0, 1]) void post(id);
    let cancel = () => {};
    const retry = (afterMs: number) => {
      cancel = timer.schedule(millis(timer.now() + afterMs), () => {
        for (const id of [0, 1, 2, 3]) void post(id);
        retry(Math.min(2 * afterMs, 8_000));
      });
    };
    retry(500);
    const result = await promise;
    cancel();
    controller.abort();
    return result;
  }
}

/** Each batch is a call. */
async function* slowly(
  selector: Parameters<KvDatabase["list"]>[0],
  options: Parameters<KvDatabase["list"]>[1],
  call: <T>(make: () => Promise<T>) => Promise<T>,
  kv: KvDatabase,
): ReturnType<KvDatabase["list"]> extends AsyncIterable<infer E> ? AsyncGenerator<E> : never {
  const entries = await call(() => Array.fromAsync(kv.list(selector, options)));
  for (let at = options.batchSize; at <= entries.length; at += options.batchSize) await call(() => Promise.resolve());
  yield* entries;
}
