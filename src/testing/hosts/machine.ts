/**
 * A machine that runs a replica: the real node on simulated ports. It crashes and starts again.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { Environment } from "../../core/io.ts";
import type { StoredState } from "../../core/records.ts";
import type { VouchedOperation } from "../../core/messages/messages.ts";
import { Replica } from "../../core/replica.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway.ts";
import { type NodeOptions, ReplicaNode } from "../../node/node.ts";
import type { NodeInternals } from "../../node/options.ts";
import type { Rejection, Transport } from "../../node/ports.ts";
import { inspectDelivery, invariantOf } from "../checks/inspection.ts";
import { type ClockHabits, SimulatedTimer } from "../world/clock.ts";
import { ColdHost } from "./cold_host.ts";
import { type Disk, SimulatedStore } from "./disk.ts";
import type { MachineOptions } from "./machine_options.ts";
import type { Station } from "../world/network.ts";
import { ObservedCore, ObservedStateMachine, Released } from "../world/observed_core.ts";
import { patiently } from "../clients/patience.ts";
import type { Random } from "../random.ts";
import { checkReload } from "../checks/reload.ts";
import { UnreadVotes } from "../invariants/unread_votes.ts";
import type { Observed } from "../invariants/invariant_checker.ts";
import type { World } from "../world/world.ts";

interface Life {
  readonly store: SimulatedStore;
  readonly timer: SimulatedTimer;
  readonly observed: Observed;
  node: ReplicaNode | null;
  core: ReturnType<World["createCore"]> | null;
  /** Steps that the core has made. */
  steps: number;
}

/** Delay before a failed start is tried again, ms. */
const RESTART_MS = 500;
/** How long cold hosts serve a POST of another replica, and a client that waits for an answer, ms. */
const [POST_MS, ANSWER_MS] = [5_000, 300];

/** One machine. */
export class Machine implements Station {
  readonly replica: ReplicaId;
  readonly label: string;
  readonly disk: Disk;
  readonly clock: ClockHabits;
  isFaulty: boolean;
  readonly persistInputs: boolean;
  readonly #options: MachineOptions;
  readonly #world: World;
  readonly #host: ColdHost | null;
  readonly #reloads: Random;
  #reloadAt = 0;
  #life: Life | null = null;
  #lastExecuted = -1;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#world = options.world;
    this.replica = options.replica;
    this.label = options.label;
    this.disk = options.disk;
    this.clock = options.clock;
    this.isFaulty = options.isFaulty ?? false;
    this.persistInputs = options.world.persistInputs || options.wakeMs !== undefined;
    const { wakeMs, random, world: { engine } } = options;
    this.#reloads = random.fork();
    this.#host = wakeMs === undefined ? null : new ColdHost({
      engine,
      random,
      wakeMs,
      start: () => this.#start(),
      stop: () => this.#stop(),
    });
  }

  /** Whether frames can be delivered to it. */
  get isUp(): boolean {
    return this.#host ? this.#host.isOn : this.node !== null;
  }

  /** Whether its cold host is serving a request. */
  get isBusy(): boolean {
    return this.#host?.isBusy ?? false;
  }

  /** The node that runs on it now. */
  get node(): ReplicaNode | null {
    return this.#life?.node ?? null;
  }

  /** The last number that the replica has executed; of one that sleeps, when it was put to sleep; -1: it is off. */
  get lastExecuted(): number {
    if (this.node) return this.node.status().replica.lastExecuted;
    return this.#host?.isOn ? this.#lastExecuted : -1;
  }

  /** How full its replica's buffers are. */
  get buffers(): Buffers | undefined {
    return this.#life?.core?.buffers?.();
  }

  /** Power on, if it is off. */
  start(): void {
    if (this.#host) this.#host.on();
    else this.#start();
  }

  #start(): void {
    if (this.#life) return;
    const { random, world: { engine, trace, coverage, report } } = this.#options;
    const note = (what: string) => coverage.count("host", what);
    trace.line(this.label, () => "starts");
    if (this.#host) coverage.count("host", "cold start");
    const life: Life = {
      store: new SimulatedStore({ disk: this.disk, engine, random, note, report }),
      timer: new SimulatedTimer(engine, this.clock),
      observed: {
        replica: this.replica,
        label: this.label,
        lastExecuted: null,
        commitsMade: () => life.store.commitsMade,
      },
      node: null,
      core: null,
      steps: 0,
    };
    this.#life = life;
    ReplicaNode.openWith(this.#nodeOptions(life), this.#nodeInternals(life)).then(
      (node) => {
        if (this.#life !== life) return;
        life.node = node;
        this.#host?.started(node);
      },
      (error) => this.#onFailure(life, error),
    );
  }

  /** Power off, at once. */
  crash(): void {
    this.#host?.off();
    if (!this.#life) return;
    this.#world.trace.line(this.label, () => "crashes");
    this.#stop();
    this.#lastExecuted = -1;
  }

  #stop(): void {
    const life = this.#life;
    if (!life) return;
    this.#lastExecuted = this.lastExecuted;
    this.#life = null;
    life.timer.isDead = true;
    life.store.crash();
  }

  /** Takes frames in. `by`: the replica that delivers them, if it has proved that. */
  receive(frames: readonly Uint8Array[], by?: ReplicaId): Promise<unknown> {
    const taken = this.#options.faultInjector?.incoming(frames) ?? frames;
    return this.#ask((node) => node.receive(taken, undefined, by), POST_MS);
  }

  /** A signed client's request; its answer may never come. */
  async submit(frame: Uint8Array): Promise<Uint8Array | Rejection | null> {
    if (this.#options.faultInjector?.incoming([frame]).length === 0) return null;
    const answer = await this.#wait((node, signal) => node.submit(frame, { signal, acceptsPaths: true }));
    return this.#tampered(answer, frame);
  }

  /** A signed client's query; its answer may never come. */
  async query(frame: Uint8Array): Promise<Uint8Array | Rejection | null> {
    return this.#tampered(await this.#wait((node, signal) => node.query(frame, { signal })), frame);
  }

  /** An unsigned client's operation; its answer may never come. */
  async vouch(operation: VouchedOperation): Promise<GatewayAnswer | Rejection | null> {
    return await this.#wait((node, signal) => node.vouch([operation], signal));
  }

  #wait<T>(ask: (node: ReplicaNode, signal: AbortSignal) => Promise<T>): Promise<T | null> {
    return this.#ask((node) => patiently(this.#world.engine, (signal) => ask(node, signal)), ANSWER_MS);
  }

  #ask<T>(ask: (node: ReplicaNode) => Promise<T>, mostMs: number): Promise<T | null> {
    if (this.#host) return this.#host.serve(ask, mostMs);
    return this.node ? ask(this.node) : Promise.resolve(null);
  }

  #tampered<T>(answer: Uint8Array | T, asked: Uint8Array): Uint8Array | T | null {
    const { faultInjector } = this.#options;
    return faultInjector && answer instanceof Uint8Array ? faultInjector.reply(answer, asked) : answer;
  }

  #onFailure(life: Life, error: unknown): void {
    if (this.#life !== life) return;
    this.#life = null;
    const isDisk = error instanceof Error && error.constructor === Error;
    if (!isDisk && !this.isFaulty) this.#world.report("no-halt", `${this.label} can't start: ${error}`);
    if (this.#host) this.#host.started(null);
    else this.#world.engine.after(RESTART_MS, () => this.#start());
  }

  #nodeInternals(life: Life): NodeInternals {
    return {
      gate: this.#world.gate,
      createCore: (environment, storedState) => this.#createCore(environment, storedState, life),
    };
  }

  #nodeOptions(life: Life): NodeOptions {
    const { world, random } = this.#options;
    const { checker, coverage } = world;
    return {
      self: this.replica,
      genesis: world.genesis,
      settings: world.settings,
      limits: world.limits,
      crypto: world.crypto,
      privateKey: world.keyOf(this.replica),
      store: life.store,
      timer: life.timer,
      transport: this.#transport(life),
      stateMachine: () => world.stateMachine(this.replica),
      seed: random.seed(),
      persistInputs: this.persistInputs,
      // It is told only once that its disk was replaced.
      start: this.disk.version > 0 ? "resume" : this.disk.isLost ? "recover" : "new",
      observers: this.isFaulty ? [] : [{
        onEvent: (event) => {
          if (this.#life !== life) return;
          checker.event(life.observed, event);
          const released: unknown = event;
          // Commits are made in order: once the last step is durable, all are.
          if (released instanceof Released && released.step === life.steps) this.#onSettled(life, released);
        },
        onMessage: (way, kind) => void (way === "out" || kind === "query" ? coverage.count("message", kind) : 0),
        onFault: ({ error }) => world.report(invariantOf(error), `${this.label} threw on an input: ${error}`),
        onRejected: ({ reason, kind, detail }) => {
          coverage.count("rejection", reason);
          coverage.count("rejected", `${reason}: ${kind}`);
          world.trace.line(this.label, () => `rejects ${kind}: ${reason}: ${detail}`);
        },
      }],
    };
  }

  #createCore(environment: Environment, storedState: StoredState, life: Life): ReturnType<World["createCore"]> {
    if (this.isFaulty) return new Replica(environment, storedState);
    life.observed.lastExecuted = storedState.checkpoint?.sequence ?? 0 as SequenceNumber;
    const stateMachine = new ObservedStateMachine(environment.stateMachine);
    const core = this.#world.createCore({ ...environment, stateMachine }, storedState);
    life.core = core;
    life.steps = 0;
    this.#world.checker.restored(this.replica, storedState);
    return new ObservedCore(core, stateMachine, {
      onStep: (input, ready) => {
        life.steps++;
        this.#world.checker.stepped(this.replica, input, ready);
      },
      unread: new UnreadVotes(this.#world, this.replica, storedState),
      nextCommit: () => life.store.nextCommit,
    });
  }

  /**
   * `steppedAt`: the time of its last step, by its clock. A reload handles deadlines since then at once.
   */
  #onSettled(life: Life, { now: steppedAt, stored }: Released): void {
    const { now } = this.#world.engine;
    const isStored = !this.persistInputs || life.store.commitsMade >= stored;
    if (!isStored || !life.core || !life.store.isSettled || now < this.#reloadAt) return;
    this.#reloadAt = now + this.#reloads.exponential(this.#world.reloadMs);
    const { replica, label, disk, persistInputs, buffers } = this;
    const [status, timers, formerBodies] = [life.core.status(), life.core.timers?.(), buffers?.formerBodies];
    const moment = { world: this.#world, replica, label, disk, persistInputs, status, timers, formerBodies };
    void checkReload({ ...moment, random: this.#reloads.fork(), now: steppedAt }).catch((error) => {
      this.#world.report("reload", `${label} can't be read from its store: ${error}`);
    });
  }

  #transport(life: Life): Transport {
    const { world: { network, engine }, faultInjector } = this.#options;
    return {
      deliver: (to, frames) => {
        if (this.#life !== life) return new Promise(() => {});
        if (!this.isFaulty) inspectDelivery(this.#world, this.label, frames);
        if (!faultInjector) return network.deliver(this, to, frames);
        for (const { frame, afterMs } of faultInjector.outgoing(to, frames)) {
          engine.after(afterMs, () => {
            if (this.#life === life) network.deliver(this, to, [frame]).catch(() => {});
          });
        }
        return Promise.resolve();
      },
    };
  }
}
