/**
 * Supervises the processes of the replicas: reports a process that died, restarts it if configured, and stops them together.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import { deferred } from "../../node/async/deferred.ts";
import type { ChildReplica } from "./child_replica.ts";
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

/** The processes of one cluster. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, ChildReplica>();
  /** The timers of replicas that will be restarted. */
  readonly #restarts = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #ended = deferred<void>();
  #isReady = false;
  #stopping = false;
  /** Replicas that are being restarted on purpose. */
  readonly #replaced = new Set<ChildReplica>();

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
   * Waits until the cluster is available: all replicas are ready, or a quorum is and the others had some time. A replica that was
   * stopped after it had moved to a view alone becomes ready when the others follow. Returns `false` if the cluster is stopped before, or
   * if a replica could not start.
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

  /** Stops these replicas and starts them again. Resolves when they are ready, or after `timeoutMs`; returns whether they are. */
  async restart(names: readonly string[], timeoutMs: number): Promise<boolean> {
    const old = names.flatMap((name) => this.#children.get(name) ?? []).filter(({ isAlive }) => isAlive);
    for (const child of old) this.#replaced.add(child);
    await Promise.all(old.map((child) => child.stop(STOP_TIMEOUT_MS)));
    if (this.#stopping) return false;
    for (const name of names) {
      clearTimeout(this.#restarts.get(name));
      this.#start(name, RESTART_DELAY.minMs);
    }
    const deadline = performance.now() + timeoutMs;
    const isReady = async () =>
      (await Promise.all(names.map((name) => this.#children.get(name)!.isReady()))).every(Boolean);
    while (!(await isReady())) {
      if (this.#stopping || performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, READY_RETRY_MS));
    }
    return true;
  }

  /** The replicas whose processes run. */
  get alive(): readonly string[] {
    return [...this.#children].filter(([, { isAlive }]) => isAlive).map(([name]) => name);
  }

  /** Stops all replicas. Kills those that do not stop. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const id of this.#restarts.values()) clearTimeout(id);
    await Promise.all([...this.#children.values()].map((child) => child.stop(STOP_TIMEOUT_MS)));
    this.#ended.resolve();
  }

  /** Kills all replicas, while {@linkcode stop} is in progress. */
  kill(): void {
    for (const child of this.#children.values()) child.kill();
  }

  #start(name: string, delayMs: number): void {
    const child = this.#options.start(name);
    this.#children.set(name, child);
    this.#options.output.started(child);
    const startedAt = performance.now();
    child.ended.then((ending) => {
      if (this.#stopping || this.#replaced.delete(child)) return;
      const lived = performance.now() - startedAt;
      this.#onDeath(child, ending, lived > RESTART_DELAY.longLifeMs ? RESTART_DELAY.minMs : delayMs);
    });
  }

  #onDeath(child: ChildReplica, ending: string, delayMs: number): void {
    const { name } = child.options;
    const { output, restart } = this.#options;
    if (!this.#isReady) {
      output.died(child, ending, " before the cluster was ready");
      return void this.stop();
    }
    if (!restart) {
      output.died(child, ending, "; it is not restarted without --restart");
      const { names } = this.#options;
      const { alive } = this;
      if (alive.length === 0) return void this.stop();
      if (alive.length < quorum(names.length)) output.noQuorum(alive, names.length);
      else output.degraded(alive, names.length);
      return;
    }
    output.died(child, ending, `; it is restarted in ${delayMs} ms`);
    const next = Math.min(2 * delayMs, RESTART_DELAY.maxMs);
    this.#restarts.set(name, setTimeout(() => this.#start(name, next), delayMs));
  }
}
