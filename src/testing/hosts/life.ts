/**
 * One life of a machine: a process from its start to its end. It runs a node, or a member over its epochs.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { StateMachines } from "../../core/epochs/versions.ts";
import type { Environment } from "../../core/io.ts";
import type { ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { StoredState } from "../../core/records.ts";
import { Replica } from "../../core/replica.ts";
import { type Deferred, deferred } from "../../node/async/deferred.ts";
import type { ClusterMember } from "../../node/epochs/cluster_member.ts";
import { type NodeOptions, ReplicaNode } from "../../node/node.ts";
import type { NodeInternals } from "../../node/options.ts";
import type { Observer, Transport } from "../../node/ports.ts";
import { StartError } from "../../node/storage/store_errors.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { Observed } from "../invariants/invariant_checker.ts";
import { SimulatedTimer } from "../world/clock.ts";
import { inspectDelivery } from "../world/network.ts";
import { type Call, observeCore, observeMachine, Released } from "../world/observed_core.ts";
import { invariantOf } from "../violation.ts";
import { type EpochWorlds, hostOf, type ProcessWatch, type World } from "../world/world.ts";
import { SimulatedStore } from "./disk.ts";
import type { LifeOptions } from "./machine_options.ts";

/** One process. */
export class Life {
  /** The world of the epoch that it is in. */
  world: World;
  /** Its number among the members of this epoch; `null`: it is none of them. */
  seat: ReplicaId | null;
  readonly store: SimulatedStore;
  readonly #timer: SimulatedTimer;
  core: ReturnType<World["createCore"]> | null = null;
  member: ClusterMember | null = null;
  readonly #options: LifeOptions;
  #node: ReplicaNode | null = null;
  #observed: Observed;
  readonly #watch: ProcessWatch | null;
  /** Whether there was nothing on its disk when it began. */
  readonly #isNew: boolean;
  /** Steps that the core has made. */
  #steps = 0;
  /** Resolves when it goes on; `null`: it is not paused. */
  #pause: Deferred<void> | null = null;
  #isOver = false;
  /** Ends its HTTP interface, if it has one. */
  #endWeb: (() => void) | undefined;

  constructor(options: LifeOptions) {
    const { world, label, disk, clock, random, isFaulty } = options;
    const { engine, coverage, report } = world;
    const note = (what: string) => coverage.count("host", what);
    this.#options = options;
    this.#isNew = disk.version === 0;
    this.world = world;
    this.seat = this.#seatIn(world);
    this.store = new SimulatedStore({ disk, engine, random, note, report });
    this.#timer = new SimulatedTimer(engine, clock);
    this.#observed = this.#observe();
    this.#watch = isFaulty ? null : world.epochs?.watch({ label, disk, life: this }) ?? null;
  }

  /** The versions of the state machine that it has; `null`: there is one. */
  get versions(): StateMachines | null {
    const { world: { epochs, versions }, lacking } = this.#options;
    return epochs && versions && versions.without(lacking);
  }

  /** The node that runs now. */
  get node(): ReplicaNode | null {
    return this.member ? this.member.node : this.#node;
  }

  /** Whether it answers anybody. A member that has left the cluster does, too. */
  get isUp(): boolean {
    return this.member !== null || this.#node !== null;
  }

  /** The injector of faults in its present epoch. */
  get faultInjector(): FaultInjector | undefined {
    return this.seat === null ? undefined : this.#options.faultInjectorIn(this.world, this.seat);
  }

  async open(): Promise<void> {
    const { world } = this.#options;
    const { epochs, genesis } = world;
    if (epochs) this.member = await this.#openMember(epochs);
    else {
      const self = this.#options.station.replica;
      const options = { ...this.#nodeOptions(), self, genesis, transport: this.#transport() };
      this.#node = await ReplicaNode.openWith(options, this.#internals());
      if (!this.#isOver) this.#endWeb = world.web?.opened({ ...this.#options, node: this.#node, life: this });
    }
  }

  /** It could not be opened. */
  abandon(): void {
    this.#isOver = true;
    if (this.#options.world.epochs) this.#timer.isDead = true;
  }

  /**
   * Whether this error is right: it was started as new, and so was another process that has made the store meanwhile, where
   * no more than one is meant to run.
   */
  isSecond(error: unknown): boolean {
    const { persistInputs, disk } = this.#options;
    return error instanceof StartError && this.#isNew && disk.version > 0 && !persistInputs;
  }

  /** Resolves when it goes on; `null`: it is not paused. */
  get paused(): Promise<void> | null {
    return this.#pause?.promise ?? null;
  }

  /** It keeps its connections, and does nothing. */
  pause(): void {
    this.#pause ??= deferred();
    this.#timer.pause();
  }

  /** It goes on after a pause. */
  resume(): void {
    this.#pause?.resolve();
    this.#pause = null;
    this.#timer.resume();
  }

  /** Power off. */
  end(): void {
    this.#isOver = true;
    this.#timer.isDead = true;
    this.#endWeb?.();
    this.store.crash();
  }

  #openMember({ parts }: EpochWorlds): Promise<ClusterMember> {
    const { world, station, chain, onDeparted } = this.#options;
    return parts.open({
      ...this.#nodeOptions(),
      cluster: { genesis: world.genesis, urls: world.epoch.urls },
      chain,
      source: parts.source(station, world, () => this.#watch?.asks()),
      ...onDeparted && { onDeparted },
      transport: (epoch) => {
        this.#enter(epoch);
        return this.#transport();
      },
      onEpoch: ({ epoch, node }) => {
        if (!node) this.#enter(epoch);
        this.#options.onEpoch();
      },
    }, this.#internals());
  }

  #enter(epoch: Epoch): void {
    if (this.#isOver) return;
    const { world: { epochs, trace }, label, isFaulty } = this.#options;
    const world = isFaulty ? epochs!.all[epoch.number] : epochs!.entered(label, epoch);
    if (!world) return; // a liar that believes another liar
    this.world = world;
    this.seat = this.#seatIn(world);
    this.#observed = this.#observe();
    trace.line(label, () => `is in epoch ${epoch.number}${this.seat === null ? ", of which it is no member" : ""}`);
  }

  #seatIn({ genesis: { replicas } }: World): ReplicaId | null {
    const seat = replicas.findIndex(({ publicKey }) => publicKey === this.#options.key.publicKey);
    return seat < 0 ? null : seat as ReplicaId;
  }

  #observe(): Observed {
    const { label } = this.#options;
    return {
      replica: this.seat ?? 0 as ReplicaId,
      label,
      lastExecuted: null,
      commitsMade: () => this.store.commitsMade,
    };
  }

  #internals(): NodeInternals {
    return {
      gateOf: ({ number }) => (this.world.epochs?.all[number] ?? this.world).gate,
      createCore: (environment, storedState) => this.#createCore(environment, storedState),
      ...this.world.web && { keptBatches: this.world.web.keptBatches },
    };
  }

  #nodeOptions(): Omit<NodeOptions, "self" | "genesis" | "transport" | "epoch"> {
    const { world, random, isFaulty, persistInputs, disk } = this.#options;
    return {
      settings: world.settings,
      limits: world.limits,
      crypto: world.crypto,
      privateKey: this.#options.key.privateKey,
      store: this.store,
      timer: this.#timer,
      stateMachine: this.versions ?? (() => world.stateMachine(this.seat ?? 0 as ReplicaId)),
      seed: random.seed(),
      persistInputs,
      archive: isFaulty ? undefined : world.web?.archiveOf(this.#options.station),
      // It is told only once that its disk was replaced.
      start: disk.version > 0 ? "resume" : disk.isLost ? "recover" : "new",
      observers: [isFaulty ? { onEvent: (event) => this.#tell(event) } : this.#observer()],
    };
  }

  #observer(): Observer {
    const { world, label, onSettled } = this.#options;
    const { coverage } = world;
    return {
      onEvent: (event) => {
        if (this.#isOver) return;
        this.world.checker.event(this.#observed, event);
        this.#tell(event);
        const released: unknown = event;
        // Commits are made in order: once the last step is durable, all are.
        if (released instanceof Released && released.step === this.#steps) onSettled(this, released);
      },
      onMessage: (way, kind) => void (way === "out" || kind === "query" ? coverage.count("message", kind) : 0),
      onFault: ({ error }) => world.report(invariantOf(error), `${label} threw on an input: ${error}`),
      onRejected: ({ reason, kind, detail }) => {
        coverage.count("rejection", reason);
        coverage.count("rejected", `${reason}: ${kind}`);
        world.trace.line(label, () => `rejects ${kind}: ${reason}: ${detail}`);
      },
      onHostEvent: ({ kind }) => {
        coverage.count("host event", kind);
        this.#watch?.hosted(kind);
      },
    };
  }

  #tell(event: ReplicaEvent): void {
    this.#options.world.narrator?.event(this.#options.station.replica, event);
  }

  #createCore(environment: Environment, storedState: StoredState): ReturnType<World["createCore"]> {
    if (this.#options.isFaulty) return new Replica(environment, storedState);
    const { world } = this;
    const seat = environment.self;
    this.#observed.lastExecuted = storedState.checkpoint?.sequence ?? 0 as SequenceNumber;
    const calls: Call[] = [];
    const stateMachine = observeMachine(environment.stateMachine, calls);
    const core = world.createCore({ ...environment, stateMachine }, storedState);
    this.core = core;
    this.#steps = 0;
    world.checker.restored(seat, storedState);
    this.#watch?.restored(storedState);
    const agreements = world.checker.handOvers?.core(seat, storedState);
    return observeCore(core, calls, {
      onStep: (input, ready) => {
        this.#steps++;
        world.checker.stepped(seat, input, ready);
        agreements?.stepped(input, ready);
        this.#watch?.stepped(ready);
      },
      unread: world.steps?.createUnread(world, seat, storedState),
      nextCommit: () => this.store.nextCommit,
      isMember: world.epochs !== null,
    });
  }

  /** The transport to the members of the present epoch. */
  #transport(): Transport {
    const { world } = this;
    const { station, label, isFaulty, world: { network, engine, narrator } } = this.#options;
    const faultInjector = this.faultInjector;
    const deliver = (to: ReplicaId, frames: readonly Uint8Array[]): Promise<void> => {
      if (this.#isOver) return new Promise(() => {});
      if (this.paused) return this.paused.then(() => deliver(to, frames));
      if (!isFaulty) inspectDelivery(world, label, frames);
      const host = hostOf(world, to);
      if (!faultInjector) return network.deliver(station, host, frames);
      for (const { frame, afterMs } of faultInjector.outgoing(to, frames)) {
        engine.after(afterMs, () => {
          if (this.#isOver) return;
          narrator?.lied(station.replica, host, frame);
          network.deliver(station, host, [frame]).catch(() => {});
        });
      }
      return Promise.resolve();
    };
    return { deliver };
  }
}
