/**
 * Four real replicas in this process, which can be stopped, started and cut off, with their HTTP apps.
 */
import { DEFAULT_LIMITS, DEFAULT_SETTINGS, type Genesis } from "../../src/core/config.ts";
import { type ReplicaId, replicaId } from "../../src/core/messages/ids.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { createApp, type ReplicaApp } from "../../src/http/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import { systemTimer } from "../../src/runtime/deno.ts";
import type { Store } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";

interface Running {
  readonly node: ReplicaNode;
  readonly app: ReplicaApp;
  readonly ended: AbortController;
}

export class WatchedCluster {
  static readonly names = ["Apple", "Ball", "Candy", "Dog"];
  readonly genesis: Genesis;
  readonly urls: Record<string, string> = {};
  readonly #keys = WatchedCluster.names.map(() => generateKeyPair());
  readonly #stores = WatchedCluster.names.map(() => new MemoryStore());
  readonly #running: (Running | null)[] = [null, null, null, null];
  readonly #machine: () => StateMachine;
  /** Replicas that reach nobody. */
  readonly cut = new Set<number>();
  /** Streams of clients that are open. */
  readonly #streams = new Set<AbortController>();

  constructor({ version = "key-value/1", machine = () => new KeyValue(), checkpointInterval = 8 }: {
    readonly version?: string;
    readonly machine?: () => StateMachine;
    readonly checkpointInterval?: number;
  } = {}) {
    this.#machine = machine;
    this.genesis = {
      name: "watched",
      replicas: WatchedCluster.names.map((name, i) => ({ name, publicKey: this.#keys[i]!.publicKey })),
      checkpointInterval,
      logWindow: 4 * checkpointInterval,
      stateMachine: version,
      limits: DEFAULT_LIMITS,
    };
    WatchedCluster.names.forEach((name, i) => this.urls[name] = `http://replica-${i}.test`);
  }

  get cluster() {
    return { genesis: this.genesis, urls: this.urls };
  }

  async start(i: number, isNew = false): Promise<void> {
    const timer = systemTimer();
    const ended = new AbortController();
    const node = await ReplicaNode.open({
      self: replicaId(i),
      genesis: this.genesis,
      settings: { ...DEFAULT_SETTINGS, viewTimeoutMs: 400 },
      privateKey: this.#keys[i]!.privateKey,
      store: keptOpen(this.#stores[i]!),
      start: isNew ? "new" : "resume",
      transport: { deliver: (to, frames) => this.#deliver(i, to, frames) },
      timer,
      stateMachine: this.#machine,
    });
    this.#running[i] = { node, app: createApp(node, { timer, signal: ended.signal }), ended };
  }

  async stop(i: number): Promise<void> {
    const running = this.#running[i];
    this.#running[i] = null;
    running?.ended.abort();
    await running?.node.close();
  }

  startAll(): Promise<unknown> {
    return Promise.all(WatchedCluster.names.map((_, i) => this.start(i, true)));
  }

  stopAll(): Promise<unknown> {
    return Promise.all(WatchedCluster.names.map((_, i) => this.stop(i)));
  }

  isUp(i: number): boolean {
    return this.#running[i] !== null;
  }

  /** Cuts all streams of clients. */
  cutStreams(): void {
    for (const stream of this.#streams) stream.abort(new Error("cut"));
    this.#streams.clear();
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const url = new URL(String(input));
    const i = Number(/\d+/.exec(url.hostname)![0]);
    const running = this.#running[i];
    if (!running || this.cut.has(i)) throw new TypeError("unreachable");
    const response = await running.app.request(`${url.pathname}${url.search}`, init);
    if (url.pathname !== "/watch" || !response.body) return response;
    const stream = new AbortController();
    this.#streams.add(stream);
    running.ended.signal.addEventListener("abort", () => stream.abort(new Error("stopped")));
    init?.signal?.addEventListener("abort", () => stream.abort(new Error("aborted")));
    const pipe = new TransformStream<Uint8Array, Uint8Array>();
    response.body.pipeTo(pipe.writable, { signal: stream.signal }).catch(() => {});
    return new Response(pipe.readable, response);
  };

  async #deliver(from: number, to: ReplicaId, frames: readonly Uint8Array[]): Promise<void> {
    const peer = this.#running[to];
    if (!peer || this.cut.has(from) || this.cut.has(to)) throw new Error("unreachable");
    await peer.node.receive(frames);
  }
}

/** A store that outlives the replica on it. */
function keptOpen(store: MemoryStore): Store {
  return {
    load: () => store.load(),
    read: (keys) => store.read(keys),
    commit: (...commit) => store.commit(...commit),
    close: () => Promise.resolve(),
  };
}
