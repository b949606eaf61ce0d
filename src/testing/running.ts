/**
 * One run of a plan, from the first start to the last check.
 * @module
 */
import type { ReplicaId } from "../core/messages/ids.ts";
import { FaultInjectors } from "./adversary/fault_injectors.ts";
import { watchCatchUp } from "./checks/catch_up.ts";
import { Together } from "./checks/together.ts";
import { Cluster } from "./world/cluster.ts";
import { createWorld } from "./world/create_world.ts";
import { plant, wordsOf } from "./world/faults.ts";
import { History } from "./clients/history.ts";
import { HostileClient } from "./clients/hostile_client.ts";
import { type Demand, livenessMs, operationsOf, type Plan } from "./plan/plan.ts";
import { keyValueWorkload, type Workload } from "./plan/workload.ts";
import { Random } from "./random.ts";
import type { RunOptions, RunReport } from "./run_options.ts";
import type { Caller, HttpCallers } from "./http/parts.ts";
import { createClients } from "./clients/create_clients.ts";
import type { Violation } from "./violation.ts";
import type { Operator } from "./epochs/operator.ts";
import type { Direction } from "./watch/action.ts";
import type { Company, Thorough } from "./watch/company.ts";
import { Director } from "./watch/director.ts";
import type { World } from "./world/world.ts";
import type { WebParts } from "./http/ports.ts";

/** The most events per machine after healing; two instances of one replica are two. A cluster that is busier than this makes no progress. */
const MOST_EVENTS = 50_000;

/** Time for machines to start before clients begin, virtual ms. */
const START_MS = 2_000;
/** After this long nothing waits any more, virtual ms. The longest wait anywhere is a minute. */
const DRAIN_MS = 75_000;
/** Interval of the inspections, virtual ms. */
const INSPECTION_MS = 1_000;

/** Runs a plan. The same plan and code give the same report, with or without observers. */
export async function watch(plan: Plan, options: RunOptions, company: Company): Promise<RunReport> {
  const simulation = new Run(plan, options, company);
  try {
    return await simulation.run();
  } finally {
    await simulation.close();
  }
}

class Run {
  readonly #plan: Plan;
  readonly #direction: Direction;
  readonly #thorough: Thorough | undefined;
  readonly #options: RunOptions;
  readonly #workload: Workload;
  readonly #random: Random;
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #history = new History();
  readonly #clients: readonly Caller[];
  /** The callers over HTTP, if there are some. */
  readonly #http: HttpCallers | null;
  readonly #together: Together;
  /** Changes the members, if the plan says so. */
  readonly #operator: Operator | null;
  /** Whether hostile clients must stop. */
  #isOver = false;
  #violation: Violation | null = null;

  constructor(plan: Plan, options: RunOptions, { watcher, direction, thorough, changes, http }: Company) {
    this.#plan = plan;
    this.#thorough = thorough;
    this.#direction = direction ?? { actions: [] };
    this.#options = options;
    this.#workload = options.workload ?? keyValueWorkload(plan.registers);
    this.#random = new Random(plan.seed ^ 0x5eed);
    this.#world = createWorld(plan, options, {
      random: this.#random,
      onViolation: (violation) => this.#violation ??= violation,
      watcher,
      drill: thorough?.drill ?? undefined,
      steps: thorough?.steps,
      checkReload: thorough?.checkReload,
      createEpochs: changes?.createEpochs,
      ...plan.http && http && {
        crypto: http.createCryptography(),
        createWeb: (parts: WebParts) => http.createWeb(parts, plan.http!),
      },
    });
    this.#world.checker.isCalm = plan.isCalm;
    if (options.inspect) this.#inspectMachine(options.inspect);
    const random = this.#random.fork();
    const injectors = new FaultInjectors(plan.faults);
    this.#cluster = new Cluster({
      world: this.#world,
      plan,
      random,
      faultInjectorOf: (host, world) => injectors.of(host, world),
    });
    this.#operator = this.#world.epochs && changes!.createOperator(this.#cluster, plan);
    this.#together = new Together(this.#cluster);
    this.#http = plan.http && http ? http.createCallers(this.#world, plan.http) : null;
    this.#clients = createClients({
      plan,
      workload: this.#workload,
      world: this.#world,
      history: this.#history,
      random: this.#random,
      gateways: () => this.#cluster.gateways,
      http: this.#http,
    });
  }

  async run(): Promise<RunReport> {
    const { engine, trace, coverage } = this.#world;
    const { durationMs, faults } = this.#plan;
    for (const fault of faults) trace.line("plan", () => wordsOf(fault, this.#cluster));
    this.#cluster.start();
    for (const fault of faults) plant(this.#cluster, fault);
    new Director(this.#cluster, this.#plan.seed).plan(this.#direction);
    engine.after(START_MS, () => {
      for (const client of this.#clients) client.start();
      this.#operator?.start();
    });
    this.#startHostile();
    this.#inspectLater();
    const { untilMs = Infinity } = this.#direction;
    await engine.run(Math.min(untilMs, durationMs), () => this.#violation !== null);
    const isComplete = untilMs > durationMs;
    if (!this.#violation && isComplete) {
      this.#cluster.heal();
      this.#http?.heal();
      if (this.#demands("quick-catch-up")) watchCatchUp(this.#cluster, this.#plan);
      for (const client of this.#clients) client.hurry();
      this.#operator?.hurry();
      const most = engine.events + MOST_EVENTS * Math.max(this.#plan.replicas, this.#cluster.machines.length);
      await engine.run(durationMs + livenessMs(this.#plan), () => {
        return this.#violation !== null || this.#isSettled() || engine.events > most;
      });
    }
    if (engine.isStuck) this.#world.report("liveness", "time stands still: a machine is woken again and again");
    if (!this.#violation && isComplete) this.#checkEnd();
    if (!this.#violation && isComplete) await this.#http?.check();
    if (!this.#violation && this.#demands("room")) await this.#comeToRest();
    if (!this.#violation && this.#world.stores) {
      await this.#thorough?.exerciseStores(this.#world.stores, this.#plan.seed, this.#world.report);
    }
    this.#nameDivergence();
    coverage.count("run", "runs");
    return {
      plan: this.#plan,
      violation: this.#violation,
      coverage,
      trace: trace.lines,
      operations: this.#history.invocations.length - this.#history.open,
      batches: this.#world.checker.executions.highest,
      events: engine.events,
      virtualMs: engine.now,
    };
  }

  #inspectMachine({ create, allow }: NonNullable<RunOptions["inspect"]>): void {
    const { checker, report, genesis: { limits: { maxResultBytes } } } = this.#world;
    const inspector = this.#thorough?.createInspector({
      create,
      allow,
      workload: this.#workload,
      seed: this.#plan.seed,
      maxResultBytes,
      report,
    });
    if (inspector) checker.executions.onCall = (call) => inspector.executed(call);
  }

  #demands(demand: Demand): boolean {
    return this.#plan.demands?.includes(demand) ?? false;
  }

  /** Clients ask for nothing any more, and Byzantine replicas are off. */
  async #comeToRest(): Promise<void> {
    const { engine, network } = this.#world;
    const { machines, core } = this.#cluster;
    for (const machine of machines) if (machine.isFaulty) machine.crash();
    this.#isOver = true;
    // What is still under way may bring a request, and that waits, too.
    const restsAt = Math.max(engine.now, network.lateUntil);
    await engine.run(restsAt + DRAIN_MS, () => this.#violation !== null);
    const isUp = (peer: number) => core.includes(peer as ReplicaId);
    for (const machine of machines) {
      if (core.includes(machine.replica)) this.#thorough?.checkRoom(this.#world, machine, isUp);
    }
  }

  /** Releases what lies outside of the simulation. */
  async close(): Promise<void> {
    await this.#world.stores?.close();
  }

  /** If states differ, finds the operation that made them differ. */
  #nameDivergence(): void {
    if (this.#violation?.invariant !== "integrity" || this.#violation.machine || !this.#thorough) return;
    const entries = [...this.#world.checker.executions.entries.values()].sort((a, b) => a.sequence - b.sequence);
    const calls = entries.flatMap((entry) => entry.calls);
    const divergence = this.#thorough.findDivergence(() => this.#options.stateMachine(0 as ReplicaId), calls);
    const why = divergence ?? "no operation does so on one machine, whether it ran all along or was rebuilt";
    this.#violation = { ...this.#violation, detail: `${this.#violation.detail}; ${why}` };
  }

  #startHostile(): void {
    let count = 0;
    for (const fault of this.#plan.faults) {
      if (fault.kind !== "hostile-client") continue;
      const { behaviour, seed } = fault;
      new HostileClient({ world: this.#world, name: `hostile${count++}`, behaviour, random: new Random(seed) }).start(
        () => this.#isOver,
      );
    }
  }

  #inspectLater(): void {
    this.#world.engine.after(INSPECTION_MS, () => {
      for (const machine of this.#cluster.machines) {
        this.#thorough?.inspect(machine.world, machine, this.#plan.mostViews);
      }
      if (this.#demands("together")) this.#together.inspect();
      this.#inspectLater();
    });
  }

  #checkedAt = 0;

  /** Whether every client has its answers, and every healed replica has caught up. */
  #isSettled(): boolean {
    if (this.#world.engine.now < this.#checkedAt) return false;
    this.#checkedAt = this.#world.engine.now + 50;
    if (!this.#clients.every(({ isDone }) => isDone)) return false;
    if (this.#operator && (!this.#operator.isDone || this.#operator.strays.length > 0)) return false;
    this.#target ??= this.#world.checker.executions.highest;
    if (this.#demands("together") && this.#together.alone.length > 0) return false;
    return this.#laggards().length === 0;
  }

  /** The last executed number when the last client had its answer. Hostile clients may go on for ever. */
  #target: number | null = null;

  #laggards(): readonly string[] {
    const target = this.#target ?? this.#world.checker.executions.highest;
    const { machines, core } = this.#cluster;
    // Of two instances on one store, the other one learns of executions only at its next conflict.
    const reached = new Set(
      machines.filter(({ lastExecuted }) => lastExecuted >= target).map(({ replica }) => replica),
    );
    const { members } = this.#cluster;
    return core.filter((host) => members.includes(host) && !reached.has(host)).map((host) =>
      this.#world.hosts.nameOf(host)
    );
  }

  #checkEnd(): void {
    const { report, checker: { executions }, genesis } = this.#world;
    const { open } = this.#history;
    const laggards = this.#laggards();
    if (!this.#clients.every(({ isDone }) => isDone)) {
      const whose = [...new Set(this.#history.invocations.filter((i) => i.outcome === null).map((i) => i.client))];
      const done = `of ${whose.join(" ")}; ${operationsOf(this.#plan) - open} of ${
        operationsOf(this.#plan)
      } operations`;
      return report(
        "liveness",
        `${open} requests are not answered after ${this.#healedSeconds} s with a healed quorum (${done})`,
      );
    }
    if (this.#operator && !this.#operator.isDone) {
      return report(
        "liveness",
        `${this.#operator.words} are not made after ${this.#healedSeconds} s with a healed quorum`,
      );
    }
    const strays = this.#operator?.strays ?? [];
    if (strays.length > 0) return report("epochs", `${strays.join(", ")} after ${this.#healedSeconds} s`);
    if (laggards.length > 0) {
      return report(
        "liveness",
        `${laggards.join(" ")} did not catch up to ${this.#target} in ${this.#healedSeconds} s`,
      );
    }
    this.#thorough?.checkDurability(this.#world, this.#cluster.machines);
    this.#thorough?.checkStores(this.#world, this.#cluster.machines);
    // What somebody asked for besides the plan is not in the history.
    const model = this.#direction.actions.length > 0 ? undefined : this.#workload.model;
    const broken = model && this.#thorough?.findNonLinearizable(this.#history.invocations, model);
    if (broken) report("linearizability", broken);
    if (executions.highest === 0) report("liveness", `nothing was executed in a cluster of ${genesis.replicas.length}`);
  }

  get #healedSeconds(): number {
    return Math.round((this.#world.engine.now - this.#plan.durationMs) / 1000);
  }
}
