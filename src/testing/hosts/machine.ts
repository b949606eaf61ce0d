/**
 * A machine that runs a replica: the real node on simulated ports. It crashes and starts again.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { GatewayOperation } from "../../core/messages/messages.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway_operations.ts";
import type { ReplicaNode } from "../../node/node.ts";
import type { Rejection } from "../../node/ports.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { ClockHabits } from "../world/clock.ts";
import { ColdHost } from "./cold_host.ts";
import type { Disk } from "./disk.ts";
import type { KeyPair } from "./hosts.ts";
import { Life } from "./life.ts";
import type { MachineOptions } from "./machine_options.ts";
import type { MemberAnswers, Station } from "../world/network.ts";
import { patiently } from "../clients/patience.ts";
import { Reloads } from "./reloads.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import { seatOf, type World } from "../world/world.ts";

/** Delay before a failed start is tried again, ms. */
const RESTART_MS = 500;
/** How long cold hosts serve a POST of another replica, and a client that waits for an answer, ms. */
const [POST_MS, ANSWER_MS] = [5_000, 300];
/** The interval at which a platform wakes a host that may sleep, ms. */
const TICK_MS = 5_000;

/** What a client asks a node. */
type Asked = Pick<ReplicaNode, "receive" | "submit" | "query" | "vouch">;

/** One machine. */
export class Machine implements Station {
  /** The number of its host. In epoch 0 it is that of its replica. */
  readonly replica: ReplicaId;
  readonly label: string;
  readonly disk: Disk;
  readonly clock: ClockHabits;
  isFaulty: boolean;
  /** The key of its process. Its host may have got another one. */
  key: KeyPair;
  readonly persistInputs: boolean;
  /** Its process has ended by itself, as its member was removed. */
  hasDeparted = false;
  readonly #options: MachineOptions;
  readonly #host: ColdHost | null;
  readonly #reloads: Reloads;
  #faultInjector: FaultInjector | undefined;
  #life: Life | null = null;
  #lastExecuted = -1;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.key = options.key;
    this.replica = options.replica;
    this.label = options.label;
    this.disk = options.disk;
    this.clock = options.clock;
    this.isFaulty = options.isFaulty ?? false;
    this.persistInputs = options.world.persistInputs || options.wakeMs !== undefined;
    const { wakeMs, random, world: { engine } } = options;
    this.#faultInjector = options.faultInjector;
    this.#reloads = new Reloads(random.fork());
    this.#host = wakeMs === undefined ? null : new ColdHost({
      engine,
      random,
      wakeMs,
      start: () => this.#start(),
      stop: () => this.#stop(),
    });
  }

  /** The world of the epoch that it is in; while it is off, of epoch 0. */
  get world(): World {
    return this.#life?.world ?? this.#options.world;
  }

  /** Its number among the members of this epoch; `null`: it is none of them. */
  get seat(): ReplicaId | null {
    return seatOf(this.world, this.replica);
  }

  /** Whether frames can be delivered to it. */
  get isUp(): boolean {
    return this.#host ? this.#host.isOn : this.#life?.isUp ?? false;
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
    const { world, random, faultInjectorIn, chain, onDeparted } = this.#options;
    world.trace.line(this.label, () => "starts");
    this.#tell("stopped", false);
    if (this.#host) world.coverage.count("host", "cold start");
    this.hasDeparted = false;
    const life: Life = new Life({
      world,
      station: this,
      label: this.label,
      disk: this.disk,
      clock: this.clock,
      random,
      isFaulty: this.isFaulty,
      persistInputs: this.persistInputs,
      key: this.key,
      lacking: new Set(this.#options.lacking?.()),
      faultInjectorIn: (world, seat) => world.epoch.number === 0 ? this.#faultInjector : faultInjectorIn?.(world, seat),
      chain: this.disk.version === 0 ? chain?.() ?? [] : [],
      onSettled: (life, released) => this.#reloads.settled(this, life, released),
      onEpoch: () => this.#show(),
      ...!this.isFaulty && onDeparted && { onDeparted: (present: Epoch) => this.#depart(life, present) },
    });
    this.#life = life;
    if (world.epochs && this.persistInputs) this.#tick(life);
    life.open().then(
      () => {
        if (this.#life !== life) return;
        this.#show();
        if (!life.node) return;
        world.narrator?.watch(this.replica, life.node, this.isFaulty);
        this.#host?.started(life.node);
      },
      (error) => this.#onFailure(life, error),
    );
  }

  /** It was removed, and nobody needs it any more: its process ends. */
  #depart(life: Life, present: Epoch): void {
    if (this.#life !== life) return;
    this.crash();
    this.hasDeparted = true;
    this.#options.onDeparted!(present);
  }

  /** A platform wakes a host that may sleep at intervals, whether it is a member or not. */
  #tick(life: Life): void {
    this.#options.world.engine.after(TICK_MS, () => {
      if (this.#life !== life) return;
      life.member?.poke();
      this.#tick(life);
    });
  }

  /** Its process with the old key ends. The next one has the host's new key. Returns whether one was on. */
  renew(): boolean {
    const isOn = this.crash();
    this.key = this.#options.world.hosts.keyOf(this.replica);
    return isOn;
  }

  /** Power off, at once. Returns whether it was on. */
  crash(): boolean {
    this.#host?.off();
    if (!this.#life) return false;
    this.world.trace.line(this.label, () => "crashes");
    this.resume();
    this.#tell("stopped", true);
    this.#stop();
    this.#lastExecuted = -1;
    return true;
  }

  /** It keeps its connections, and does nothing. */
  pause(): void {
    const life = this.#life;
    if (!life?.node || life.paused) return;
    life.pause();
    this.#tell("paused", true);
  }

  /** It goes on after a pause. */
  resume(): void {
    if (!this.#life?.paused) return;
    this.#life.resume();
    this.#tell("paused", false);
  }

  /** From now on it lies: it is started anew, behind a fault injector. */
  corrupt(faultInjector: FaultInjector): void {
    this.isFaulty = true;
    this.#faultInjector = faultInjector;
    this.resume();
    this.#stop();
    this.start();
  }

  /** An isolate, or a twin, is not the instance that is shown of its replica. */
  #tell(condition: "stopped" | "paused", begins: boolean): void {
    const { hosts, narrator } = this.#options.world;
    if (this.label === hosts.nameOf(this.replica)) narrator?.condition(this.replica, condition, begins);
  }

  #stop(): void {
    const life = this.#life;
    if (!life) return;
    this.#lastExecuted = this.lastExecuted;
    this.#life = null;
    life.end();
  }

  /** Takes frames in. `by`: the host that delivers them, if it has proved that. Who is in another epoch is no member here. */
  receive(frames: readonly Uint8Array[], by?: ReplicaId, of?: Station): Promise<unknown> {
    const life = this.#life;
    const isOfOtherEpoch = of instanceof Machine && of.world !== this.world;
    if (isOfOtherEpoch && !of.isFaulty) return Promise.reject(OTHER_EPOCH);
    const seat = by === undefined || isOfOtherEpoch ? undefined : seatOf(this.world, by) ?? undefined;
    const taken = life?.faultInjector?.incoming(frames) ?? frames;
    return this.#ask((node) => node.receive(taken, undefined, seat), POST_MS);
  }

  /** A signed client's request; its answer may never come. */
  async submit(frame: Uint8Array): Promise<Uint8Array | Rejection | null> {
    if (this.#life?.faultInjector?.incoming([frame]).length === 0) return null;
    const answer = await this.#wait((node, signal) => node.submit(frame, { signal, acceptsPaths: true }));
    return this.#tampered(answer, frame);
  }

  /** A signed client's query; its answer may never come. */
  async query(frame: Uint8Array): Promise<Uint8Array | Rejection | null> {
    return this.#tampered(await this.#wait((node, signal) => node.query(frame, { signal })), frame);
  }

  /** An unsigned client's operation; its answer may never come. */
  async vouch(operation: GatewayOperation): Promise<GatewayAnswer | Rejection | null> {
    return await this.#wait((node, signal) => node.vouch([operation], signal));
  }

  /** What it answers about its epochs. */
  get asMember(): MemberAnswers | null {
    return this.world.epochs?.parts.answers(this, this.#life?.member ?? null, this.#options.random) ?? null;
  }

  /** Those who look after the hosts get all links that it has. */
  #show(): void {
    this.#options.onLinks?.(this.#life?.member?.linksAfter(0) ?? []);
  }

  #wait<T>(ask: (node: Asked, signal: AbortSignal) => Promise<T>): Promise<T | null> {
    return this.#ask((node) => patiently(this.#options.world.engine, (signal) => ask(node, signal)), ANSWER_MS);
  }

  #ask<T>(ask: (node: Asked) => Promise<T>, mostMs: number): Promise<T | null> {
    const paused = this.#life?.paused;
    if (paused) return paused.then(() => this.#ask(ask, mostMs));
    if (this.#host) return this.#host.serve(ask, mostMs);
    const { member, node } = this.#life ?? {};
    member?.poke();
    if (!node) return Promise.resolve(null);
    const receive = node.receive.bind(node);
    return ask(member ? { ...this.world.epochs!.parts.following(node, member), receive } : node);
  }

  #tampered<T>(answer: Uint8Array | T, asked: Uint8Array): Uint8Array | T | null {
    const faultInjector = this.#life?.faultInjector;
    return faultInjector && answer instanceof Uint8Array ? faultInjector.reply(answer, asked) : answer;
  }

  #onFailure(life: Life, error: unknown): void {
    if (this.#life !== life) return;
    this.#life = null;
    life.abandon();
    const isDisk = error instanceof Error && error.constructor === Error;
    const { world } = this.#options;
    if (!isDisk && !this.isFaulty && !life.isSecond(error)) {
      world.report("no-halt", `${this.label} can't start: ${error}`);
    }
    if (this.#host) this.#host.started(null);
    else world.engine.after(RESTART_MS, () => this.#start());
  }
}

const OTHER_EPOCH = new Error("it is in another epoch");
