/**
 * Supervises the processes of the replicas: reports a process that died, restarts it if configured, and stops them
 * together.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import { deferred } from "../../node/async/deferred.ts";
import process from "node:process";
import type { ProcessState } from "../page/cluster_feed.ts";
import { type Operator, OperatorError, type ReplicaAction } from "../page/operator.ts";
import type { ChildCommand, ChildReplica } from "./child_replica.ts";
import type { Notices } from "./output.ts";

/** Options of {@linkcode Supervisor}. */
export interface SupervisorOptions {
  readonly names: readonly string[];
  /** Starts a replica's process. */
  readonly start: (name: string) => ChildReplica;
  /** Whether a replica is restarted when its process dies. */
  readonly restart: boolean;
  readonly output: Notices;
  /** Called when the cluster is ready. */
  readonly onReady: () => void;
}

const READY_RETRY_MS = 50;
/** If a quorum is ready, the cluster waits this long for the others, ms. */
const LAST_REPLICAS_MS = 3_000;
/** A replica that has not stopped after this time is killed, ms. It is longer than an orderly stop takes. */
const STOP_TIMEOUT_MS = 6_000;
/** The delay before a restart, ms. It doubles each time, unless the process lived for `longLifeMs`. */
const RESTART_DELAY = { minMs: 500, maxMs: 10_000, longLifeMs: 30_000 };

const STATE_AFTER: Readonly<Record<ChildCommand, ProcessState>> = {
  cut: "cut",
  join: "running",
};

/** The processes of one cluster. */
export class Supervisor implements Operator {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, ChildReplica>();
  /** The timers of replicas that will be restarted. */
  readonly #restarts = new Map<string, ReturnType<typeof setTimeout>>();
  /** Called when the process of a replica is in another state. */
  onChanged: (name: string) => void = () => {};
  /** What a person has done to processes that are alive. */
  readonly #states = new Map<string, ProcessState>();
  /** Replicas that a person has stopped. */
  readonly #held = new Set<string>();
  readonly #ended = deferred<void>();
  #isReady = false;
  #stopping = false;
  /** Replicas that are being restarted on purpose. */
  readonly #replaced = new Set<ChildReplica>();
  /** Those that were started again, and were not ready since then. */
  readonly #renewed = new Set<ChildReplica>();

  /** Starts all replicas. */
  constructor(options: SupervisorOptions) {
    this.#options = options;
    for (const name of options.names) this.#start(name, RESTART_DELAY.minMs);
  }

  /** Resolves when no process is left and none will be started. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * Waits until the cluster is available: all replicas are ready, or a quorum is and the others had some time. A
   * replica that was stopped after it had moved to a view alone becomes ready when the others follow. Returns `false`
   * if the cluster is stopped before, or if a replica could not start.
   */
  async waitUntilReady(): Promise<boolean> {
    const enough = quorum(this.#options.names.length);
    let patience: number | null = null;
    while (!this.#stopping) {
      const ready = await Promise.all([...this.#children.values()].map((child) => child.isReady()));
      const count = ready.filter((isReady) => isReady).length;
      if (count < enough) patience = null;
      else patience ??= performance.now() + LAST_REPLICAS_MS;
      if (count === ready.length || (patience !== null && performance.now() > patience)) break;
      await new Promise((resolve) => setTimeout(resolve, READY_RETRY_MS));
    }
    this.#isReady = !this.#stopping;
    if (this.#isReady) this.#options.onReady();
    return this.#isReady;
  }

  /**
   * Stops these replicas and starts them again. Resolves when they are ready, or after `timeoutMs`; returns whether
   * they are.
   */
  async restart(names: readonly string[], timeoutMs: number): Promise<boolean> {
    const old = names.flatMap((name) => this.#children.get(name) ?? []).filter(({ isAlive }) => isAlive);
    for (const child of old) this.#replaced.add(child);
    await Promise.all(old.map((child) => child.stop(STOP_TIMEOUT_MS)));
    if (this.#stopping) return false;
    for (const name of names) {
      clearTimeout(this.#restarts.get(name));
      this.#renewed.add(this.#run(name, RESTART_DELAY.minMs));
    }
    const deadline = performance.now() + timeoutMs;
    const isReady = async (name: string) => {
      const child = this.#children.get(name)!;
      if (!await child.isReady()) return false;
      this.#renewed.delete(child);
      return true;
    };
    while (!(await Promise.all(names.map(isReady))).every(Boolean)) {
      const isOver = names.every((name) => !this.#children.get(name)!.isAlive);
      if (this.#stopping || isOver || performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, READY_RETRY_MS));
    }
    return true;
  }

  /** The processes that run: `Apple 9435, Ball 9436`. */
  get processes(): string {
    return [...this.#children].filter(([, { isAlive }]) => isAlive).map(([name, { pid }]) => `${name} ${pid}`).join(
      ", ",
    );
  }

  /** The replicas whose processes run. */
  get alive(): readonly string[] {
    return [...this.#children].filter(([, { isAlive }]) => isAlive).map(([name]) => name);
  }

  /** The replicas that ended when they were started again, so that the next {@linkcode restart} may name them too. */
  get failed(): readonly string[] {
    return [...this.#children].filter(([, child]) => !child.isAlive && this.#renewed.has(child)).map(([name]) => name);
  }

  /** Stops all replicas. Kills those that do not stop. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const id of this.#restarts.values()) clearTimeout(id);
    await Promise.all([...this.#children.values()].map((child) => child.stop(STOP_TIMEOUT_MS)));
    this.#ended.resolve();
  }

  /** How the process of a replica is. */
  stateOf(name: string): ProcessState {
    return this.#children.get(name)?.isAlive ? this.#states.get(name) ?? "running" : "stopped";
  }

  /** Does what a person wants of one replica. @throws {OperatorError} if it is impossible now. */
  act(action: ReplicaAction, name: string): void {
    const child = this.#children.get(name)!;
    if (this.#stopping || !this.#isReady) {
      throw new OperatorError("the cluster is starting or stopping; try again later");
    }
    if (action === "start") {
      if (child.isAlive) throw new OperatorError(`${name} runs already`);
      this.#held.delete(name);
      clearTimeout(this.#restarts.get(name));
      return this.#start(name, RESTART_DELAY.minMs);
    }
    if (!child.isAlive) throw new OperatorError(`${name} is stopped; start it first`);
    switch (action) {
      case "stop":
        this.#held.add(name);
        return child.kill();
      case "pause":
        if (process.platform === "win32") throw new OperatorError("Windows cannot pause a process; stop it instead");
        child.pause();
        return this.#changed(name, "paused");
      case "resume":
        child.resume();
        return this.#changed(name, "running");
      default:
        if (this.stateOf(name) === "paused") throw new OperatorError(`${name} is paused; resume it first`);
        child.tell(action);
        return this.#changed(name, STATE_AFTER[action]);
    }
  }

  #changed(name: string, state: ProcessState): void {
    this.#states.set(name, state);
    this.onChanged(name);
  }

  /** Kills all replicas, while {@linkcode stop} is in progress. */
  kill(): void {
    for (const child of this.#children.values()) child.kill();
  }

  #start(name: string, delayMs: number): void {
    this.#options.output.started(this.#run(name, delayMs));
  }

  #run(name: string, delayMs: number): ChildReplica {
    const child = this.#options.start(name);
    this.#children.set(name, child);
    this.#changed(name, "running");
    const startedAt = performance.now();
    child.ended.then((ending) => {
      if (this.#stopping || this.#replaced.delete(child)) return;
      const lived = performance.now() - startedAt;
      this.#onDeath(child, ending, lived > RESTART_DELAY.longLifeMs ? RESTART_DELAY.minMs : delayMs);
    });
    return child;
  }

  #onDeath(child: ChildReplica, ending: string, delayMs: number): void {
    const { name } = child.options;
    this.onChanged(name);
    const { output, restart } = this.#options;
    if (!this.#isReady) {
      output.died(child, ending, " before the cluster was ready");
      return void this.stop();
    }
    const isHeld = this.#held.has(name);
    if (!restart || isHeld) {
      const why = isHeld ? "it was stopped on the page, and is started there" : "it is not restarted without --restart";
      output.died(child, ending, `; ${why}`);
      const { names } = this.#options;
      const { alive } = this;
      // After a restart on purpose this command goes on without replicas: the person may mend the cause, and restart
      // them again.
      if (alive.length === 0 && !isHeld && !this.#renewed.has(child)) return void this.stop();
      if (alive.length < quorum(names.length)) output.noQuorum(alive, names.length);
      else output.degraded(alive, names.length);
      return;
    }
    output.died(child, ending, `; it is restarted in ${delayMs} ms`);
    const next = Math.min(2 * delayMs, RESTART_DELAY.maxMs);
    this.#restarts.set(name, setTimeout(() => this.#start(name, next), delayMs));
  }
}
