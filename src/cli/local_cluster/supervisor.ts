/**
 * Keeps an eye on the replicas' processes: says who died, restarts them if told to, stops them together.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import type { ChildReplica } from "./child_replica.ts";
import type { ClusterOutput } from "./output.ts";

/** What a supervisor is told. */
export interface SupervisorOptions {
  readonly names: readonly string[];
  /** Starts a replica's process. */
  readonly start: (name: string) => ChildReplica;
  /** Whether a replica that dies is started again. */
  readonly restart: boolean;
  readonly output: ClusterOutput;
}

const READY_RETRY_MS = 50;
/** Where a quorum takes part the last replicas are waited for so long, ms. */
const LAST_REPLICAS_MS = 3_000;
/** Longer than a replica takes to close in good order, ms. */
const STOP_TIMEOUT_MS = 6_000;
/** Before a replica is started again, doubled each time that it did not live for long, ms. */
const RESTART_DELAY = { minMs: 500, maxMs: 10_000, longLifeMs: 30_000 };

/** The processes of one cluster. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, ChildReplica>();
  /** Timers of replicas that are about to be started again. */
  readonly #restarts = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #ended = Promise.withResolvers<void>();
  #isReady = false;
  #stopping = false;

  /** Starts all replicas. */
  constructor(options: SupervisorOptions) {
    this.#options = options;
    for (const name of options.names) this.#start(name, RESTART_DELAY.minMs);
  }

  /** Resolves when no process is left, and none will be started. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * True once the cluster is available: all replicas take part; or a quorum does, and the others have had some time. One that had left a
   * view alone before it was stopped takes part again when the others follow. False if the cluster is stopped before, or a replica could
   * not start.
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
    return this.#isReady = !this.#stopping;
  }

  /** Stops all replicas, by force if they don't by themselves. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const id of this.#restarts.values()) clearTimeout(id);
    await Promise.all([...this.#children.values()].map((child) => child.stop(STOP_TIMEOUT_MS)));
    this.#ended.resolve();
  }

  /** Ends all replicas at once; {@linkcode stop} is under way. */
  kill(): void {
    for (const child of this.#children.values()) child.kill();
  }

  #start(name: string, delayMs: number): void {
    const child = this.#options.start(name);
    this.#children.set(name, child);
    this.#options.output.started(child);
    const startedAt = performance.now();
    child.ended.then((ending) => {
      if (this.#stopping) return;
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
      if (![...this.#children.values()].some(({ isAlive }) => isAlive)) void this.stop();
      return;
    }
    output.died(child, ending, `; it is restarted in ${delayMs} ms`);
    const next = Math.min(2 * delayMs, RESTART_DELAY.maxMs);
    this.#restarts.set(name, setTimeout(() => this.#start(name, next), delayMs));
  }
}
