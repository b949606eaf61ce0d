/** A core that does what a test says, in a node with everything else real. */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Environment, Input, Outgoing, Ready, ReplicaStatus } from "../../src/core/io.ts";
import type { Record, StoredState } from "../../src/core/records.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { type NodeOptions, ReplicaNode } from "../../src/node/node.ts";
import type { Loaded, Store, Version, Writes } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { Author, genesisOf, keyPairOf } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";

export type Script = (input: Input, environment: Environment) => Partial<Ready>;

export class FakeCore {
  readonly #script: Script;
  readonly #environment: Environment;
  readonly storedState: StoredState;

  constructor(script: Script, environment: Environment, storedState: StoredState) {
    this.#script = script;
    this.#environment = environment;
    this.storedState = storedState;
  }

  step(input: Input, _now: Millis): Ready {
    return {
      records: [],
      messages: [],
      replies: [],
      answers: [],
      loads: [],
      alarmAt: null,
      events: [],
      admission: "taken",
      ...this.#script(input, this.#environment),
    };
  }

  status(): ReplicaStatus {
    return { view: this.storedState.view } as ReplicaStatus;
  }
}

/** A store whose commits wait until they are let go, and which fails as it is told. */
export class HeldStore implements Store {
  readonly commits: Writes[] = [];
  holding = false;
  /** Errors that the next commits fail with, after the store was or was not changed. */
  readonly failures: Error[] = [];
  readonly #store = new MemoryStore();
  #letGo: (() => void)[] = [];

  letGo(): void {
    this.holding = false;
    for (const go of this.#letGo.splice(0)) go();
  }

  load(): Promise<Loaded> {
    return this.#store.load();
  }

  read(digests: readonly Digest[]) {
    return this.#store.read(digests);
  }

  async commit(writes: Writes, expected: Version): Promise<Version> {
    this.commits.push(writes);
    if (this.holding) await new Promise<void>((resolve) => this.#letGo.push(resolve));
    const failure = this.failures.shift();
    if (failure) throw failure;
    return await this.#store.commit(writes, expected);
  }

  /** Another instance of the replica writes. */
  async interfere(): Promise<void> {
    const { version } = await this.#store.load();
    await this.#store.commit({ records: new Map(), blobs: new Map() }, version);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Frames by peer, one list per delivery. */
export class Deliveries {
  readonly of: { readonly to: number; readonly frames: readonly Uint8Array[] }[] = [];

  deliver(to: ReplicaId, frames: readonly Uint8Array[]): Promise<void> {
    this.of.push({ to, frames });
    return Promise.resolve();
  }

  /** How many frames went to a peer. */
  to(peer: number): number {
    return this.of.filter(({ to }) => to === peer).reduce((sum, { frames }) => sum + frames.length, 0);
  }
}

export class Bench {
  readonly timer = new ManualTimer();
  readonly store = new HeldStore();
  readonly sent = new Deliveries();
  readonly genesis = genesisOf(4);
  readonly cluster = clusterId(this.genesis);
  readonly stepped: Input["kind"][] = [];
  readonly cores: FakeCore[] = [];
  node!: ReplicaNode;

  static async open(script: Script, options: Partial<NodeOptions> = {}): Promise<Bench> {
    const bench = new Bench();
    await bench.start(script, options);
    return bench;
  }

  async start(script: Script, options: Partial<NodeOptions> = {}): Promise<void> {
    const node: NodeOptions = {
      self: 0 as ReplicaId,
      genesis: this.genesis,
      store: this.store,
      transport: this.sent,
      timer: this.timer,
      privateKey: keyPairOf(1).privateKey,
      stateMachine: () => new KeyValue(),
      seed: 1,
      start: this.cores.length === 0 ? "new" : "resume",
      ...options,
    };
    this.node = await ReplicaNode.openWith(node, {
      createCore: (environment, storedState) => {
        const traced: Script = (input, env) => {
          this.stepped.push(input.kind);
          return script(input, env);
        };
        const core = new FakeCore(traced, environment, storedState);
        this.cores.push(core);
        return core;
      },
    });
    await this.timer.idle();
  }

  author(index: number): Author {
    return new Author(index, this.cluster);
  }

  /** A status of replica 1, each with another number. */
  statusFrame(executed: number): Uint8Array {
    return this.author(2).frame({ ...newStatus(1), executed: executed as SequenceNumber });
  }
}

/** A binding record. */
export function viewRecord(view: number): Record {
  return { kind: "view", view: view as View, viewChange: null, newView: null };
}

/** A message to all others. */
export function greeting(environment: Environment): Outgoing {
  return { to: "all", message: environment.sign(newStatus(environment.self)) };
}
