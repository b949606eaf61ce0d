/**
 * The machines of one run.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { Disk } from "../hosts/disk.ts";
import { Machine } from "../hosts/machine.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { Barrier } from "./network.ts";
import { faultyReplicas, lyingReplicas, type Plan } from "../plan/plan.ts";
import { Random } from "../random.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { hostOf, seatOf, type World } from "./world.ts";

/** The parts of a cluster. */
export interface ClusterOptions {
  readonly world: World;
  readonly plan: Plan;
  readonly random: Random;
  /** Makes the fault injector of a faulty host in an epoch. */
  readonly faultInjectorOf: (host: ReplicaId, world: World) => FaultInjector | undefined;
}

/** The clocks of healed replicas differ from true time by at most this, ms. */
const HEALED_SKEW_MS = 1_000;
/** How many instances of a replica a cold host runs at once, each for one request. */
const LANES = 2;

/** The machines of one run. */
export class Cluster {
  readonly world: World;
  readonly #faulty: Set<ReplicaId>;
  readonly #lying: Set<ReplicaId>;
  /** After healing, faults neither begin nor end. */
  isHealed = false;
  /** Since when no fault has begun, ended or been active, virtual ms. Byzantine replicas do not count. */
  get quietSince(): number {
    return this.#atWork > 0 ? Infinity : this.#changedAt;
  }
  #atWork = 0;
  #changedAt = 0;
  /** After healing: the correct replicas that are up and reach each other. */
  core: readonly ReplicaId[] = [];
  readonly #plan: Plan;
  readonly #random: Random;
  readonly #machines: Machine[] = [];
  /** Which replicas talk to which twin. Clients talk to both. */
  readonly #twins: Barrier[] = [];
  readonly #injectors = new Map<World, Map<ReplicaId, FaultInjector | undefined>>();
  readonly #faultInjectorOf: ClusterOptions["faultInjectorOf"];
  /** The hosts that run, or have run: the first members, and those who have joined. */
  readonly #installed = new Set<ReplicaId>();

  constructor({ world, plan, random, faultInjectorOf }: ClusterOptions) {
    this.world = world;
    this.#faulty = new Set(faultyReplicas(plan));
    this.#lying = new Set(lyingReplicas(plan));
    this.#plan = plan;
    this.#random = random;
    this.#faultInjectorOf = faultInjectorOf;
    for (const replica of this.ids) {
      const isMember = replica < world.genesis.replicas.length;
      if (this.#lying.has(replica)) this.distrust(replica);
      const disk = this.#newDisk(replica);
      this.#add(replica, "", disk, isMember ? faultInjectorOf(replica, world) : undefined);
      if (isMember) this.#installed.add(replica);
      if (!plan.coldReplicas.includes(replica)) continue;
      for (let lane = 1; lane < LANES; lane++) this.#add(replica, `'${lane}`, disk);
    }
    for (const fault of plan.faults) if (fault.kind === "twins") this.#addTwin(fault.replica, fault.seed);
  }

  /** Whether removed members stop. */
  get stopsRemoved(): boolean {
    return this.#plan.reconfigurations?.stopsRemoved ?? false;
  }

  /** All hosts. */
  get ids(): readonly ReplicaId[] {
    return this.world.hosts.ids;
  }

  /** The hosts that are members in the last epoch. */
  get members(): readonly ReplicaId[] {
    const last = this.world.epochs?.last ?? this.world;
    return last.genesis.replicas.map((_, seat) => hostOf(last, seat as ReplicaId));
  }

  /** The replicas that are not faulty. */
  get correct(): readonly ReplicaId[] {
    return this.ids.filter((id) => !this.#faulty.has(id));
  }

  /** From now on nothing is expected of this host. */
  distrust(host: ReplicaId): void {
    this.#faulty.add(host);
    this.#lying.add(host);
    for (const world of this.world.epochs?.all ?? [this.world]) this.#distrustIn(world, host);
    this.world.narrator?.condition(host, "lying", true);
  }

  #distrustIn(world: World, host: ReplicaId): void {
    const seat = seatOf(world, host);
    if (seat !== null) world.checker.distrustReplica(seat);
  }

  /** All machines. */
  get machines(): readonly Machine[] {
    return this.#machines;
  }

  /** The correct members that an unsigned client may ask; once a quorum is healed, the healed ones. */
  get gateways(): readonly ReplicaId[] {
    const { members, isHealed, core, correct } = this;
    const trusted = isHealed ? core : correct;
    return this.world.epochs ? trusted.filter((host) => members.includes(host)) : trusted;
  }

  /** A host starts for the first time. */
  join(host: ReplicaId): void {
    if (this.#installed.has(host)) return;
    this.#installed.add(host);
    for (const machine of this.machinesOf(host)) machine.start();
  }

  /** The world of another epoch: its liars are known. */
  enter(world: World): void {
    for (const host of this.#lying) this.#distrustIn(world, host);
  }

  /** The machines that run a replica: more than one if it has isolates or a twin. */
  machinesOf(replica: ReplicaId): readonly Machine[] {
    return this.#machines.filter((machine) => machine.replica === replica);
  }

  /** Starts all machines. */
  start(): void {
    for (const machine of this.#machines) if (this.#installed.has(machine.replica)) machine.start();
  }

  /** Called when a fault begins, and with -1 when it ends. */
  disturb(by: 1 | -1): void {
    this.#atWork += by;
    this.#changedAt = this.world.engine.now;
  }

  /** Adds an instance of a correct replica on the disk that it has. */
  addIsolate(replica: ReplicaId): Machine {
    const [first] = this.machinesOf(replica);
    const isolate = this.#add(replica, `'${this.machinesOf(replica).length}`, first!.disk);
    isolate.start();
    return isolate;
  }

  /** Stops a machine for good. */
  remove(machine: Machine): void {
    machine.crash();
    this.world.network.remove(machine);
    this.#machines.splice(this.#machines.indexOf(machine), 1);
  }

  /**
   * Ends all faults among a quorum of correct replicas. Faulty replicas stay faulty. The remaining correct replicas are
   * either healed as well, or stopped for good.
   */
  heal(): void {
    const { network, trace, genesis, epochs, hosts, narrator } = this.world;
    this.isHealed = true;
    this.#atWork = 0;
    this.#changedAt = this.world.engine.now;
    const healed = this.#random.shuffled(this.correct);
    const needed = quorum(genesis.replicas.length);
    // While members change, any of them may be needed.
    const core = this.#plan.isCalm || epochs || this.#random.chance(0.5) ? healed : healed.slice(0, needed);
    this.core = core;
    const names = core.map((id) => hosts.nameOf(id)).join(" ");
    trace.line("heal", () => `${names} are healed`);
    narrator?.note(`faults end: ${names} are healed`);
    narrator?.reconnected();
    network.barriers.clear();
    network.sieves.clear();
    network.swallowers.clear();
    network.taps.clear();
    Object.assign(network.habits, { swallowing: 0, refusalMs: 0 });
    Object.assign(network.habits, this.#plan.network);
    for (const machine of [...this.#machines]) {
      const { replica, clock, disk } = machine;
      if (this.#lying.has(replica)) continue;
      // A store without the inputs keeps two instances of a replica safe, but each instance has only its own part of
      // the votes.
      if (!machine.persistInputs && this.machinesOf(replica)[0] !== machine) {
        this.remove(machine);
        continue;
      }
      if (this.correct.includes(replica) && !core.includes(replica)) {
        machine.crash();
        continue;
      }
      Object.assign(disk.habits, this.#plan.disk);
      clock.alarmMs = 0;
      delete clock.frozenAt;
      if (!this.#plan.keepsClocks) clock.skewMs = Math.max(-HEALED_SKEW_MS, Math.min(HEALED_SKEW_MS, clock.skewMs));
      if (this.#installed.has(replica)) machine.start();
    }
    for (const barrier of this.#twins) network.barriers.add(barrier);
  }

  #add(replica: ReplicaId, suffix: string, disk: Disk, faultInjector?: FaultInjector): Machine {
    const { world } = this;
    const machine: Machine = new Machine({
      world,
      replica,
      label: world.hosts.nameOf(replica) + suffix,
      // Instances share a store, and so a key: that of their host may be a new one, for another store.
      key: this.machinesOf(replica)[0]?.key ?? world.hosts.keyOf(replica),
      disk,
      clock: { skewMs: this.#plan.skewsMs[replica] ?? 0, alarmMs: 0 },
      random: this.#random.fork(),
      isFaulty: this.#lying.has(replica),
      ...(this.#plan.coldReplicas.includes(replica) && { wakeMs: this.#plan.wakeMs }),
      ...(faultInjector && { faultInjector }),
      faultInjectorIn: (epoch) => this.#injectorOf(replica, epoch),
      lacking: () => this.lacking.get(replica) ?? [],
      chain: () => this.#chainFor(replica),
      // A liar may close its epoch before anybody else.
      ...!this.#lying.has(replica) && { onLinks: (links) => this.onLinks(links) },
      ...this.stopsRemoved && { onDeparted: (present) => this.onDeparted(machine, present) },
    });
    this.#machines.push(machine);
    world.network.add(machine);
    return machine;
  }

  /** Called when a correct host stops, as its member was removed. */
  onDeparted: (machine: Machine, present: Epoch) => void = () => {};
  /** The versions of the state machine that the code of each host lacks. */
  readonly lacking: Map<ReplicaId, Set<string>> = new Map();
  /** Called with the links that a machine of a correct host has learned. */
  onLinks: (links: readonly Uint8Array[]) => void = () => {};

  /** Who is no first member gets the whole chain. Who has lost its disk may start from epoch 0. */
  #chainFor(host: ReplicaId): readonly Uint8Array[] {
    const { epochs, genesis } = this.world;
    const links = epochs?.links() ?? [];
    return host >= genesis.replicas.length || this.#random.chance(0.5) ? links : [];
  }

  #injectorOf(host: ReplicaId, world: World): FaultInjector | undefined {
    const known = this.#injectors.get(world) ?? new Map<ReplicaId, FaultInjector | undefined>();
    this.#injectors.set(world, known);
    if (!known.has(host)) known.set(host, this.#faultInjectorOf(host, world));
    return known.get(host);
  }

  #newDisk(replica: ReplicaId, suffix = ""): Disk {
    const { hosts, stores } = this.world;
    return new Disk({ name: hosts.nameOf(replica) + suffix, habits: this.#plan.disk, stores });
  }

  #addTwin(replica: ReplicaId, seed: number): void {
    const [first] = this.machinesOf(replica);
    const twin = this.#add(replica, '"', this.#newDisk(replica, '"'));
    const random = new Random(seed);
    const sides = new Map<ReplicaId, number>();
    const barrier: Barrier = (from, to) => {
      if (from === null) return false;
      const [one, other] = from === first || from === twin ? [from, to] : [to, from];
      if (one !== first && one !== twin) return false;
      const side = sides.get(other.replica) ?? 2;
      return side !== 2 && (side === 0) !== (one === first);
    };
    const shuffle = () => {
      for (const id of this.ids) sides.set(id, random.pick([0, 0, 1, 1, 2]));
      this.world.engine.after(random.exponential(15_000), shuffle);
    };
    shuffle();
    this.#twins.push(barrier);
    this.world.network.barriers.add(barrier);
  }
}
