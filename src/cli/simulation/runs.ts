/**
 * Runs simulations, seed after seed, in several workers at once.
 * @module
 */
import {
  Coverage,
  drawPlan,
  run,
  type RunOptions,
  runOptionsOf,
  type SimulateOptions,
  type Violation,
} from "../../testing/mod.ts";
import { type StoreKind, storeKindOf, storesOf } from "./real_stores.ts";

/** The outcome of one seed. */
export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly coverage: Coverage;
  readonly virtualMs: number;
  readonly operations: number;
}

/** What to simulate. It can be sent to a worker. */
export interface Simulation extends Pick<SimulateOptions, "profile" | "replicas" | "kinds"> {
  /** The kind of store. By default the seed decides. */
  readonly store?: StoreKind;
}

/** The messages to and from a worker. */
type Order = { readonly seed: number; readonly simulation: Simulation };
type Told = Omit<Outcome, "coverage"> & { readonly counts: ReturnType<Coverage["entries"]> };

/** Options of {@linkcode outcomesOf}. */
export interface RunsOptions {
  readonly seed: number;
  readonly jobs: number;
  readonly simulation: Simulation;
  /** Whether to run another seed after `begun` seeds. */
  readonly goesOn: (begun: number) => boolean;
}

/** Runs the seeds from `seed` on. Gives each outcome as soon as it is there. */
export async function* outcomesOf({ seed, jobs, simulation, goesOn }: RunsOptions): AsyncIterable<Outcome> {
  let begun = 0;
  const workers = Array.from({ length: jobs }, () => new Runner());
  const open = new Set<Promise<Ended>>();
  const begin = (runner: Runner) => {
    if (!goesOn(begun)) return;
    const order = { seed: seed + begun++, simulation };
    const running: Promise<Ended> = runner.run(order).then((outcome) => ({ runner, outcome, running }));
    open.add(running);
  };
  try {
    workers.forEach(begin);
    while (open.size > 0) {
      const { runner, outcome, running } = await Promise.race(open);
      open.delete(running);
      yield outcome;
      begin(runner);
    }
  } finally {
    for (const worker of workers) worker.close();
  }
}

interface Ended {
  readonly runner: Runner;
  readonly outcome: Outcome;
  readonly running: Promise<Ended>;
}

/** One worker. */
class Runner {
  readonly #worker = new Worker(import.meta.url, { type: "module" });

  async run(order: Order): Promise<Outcome> {
    const { counts, ...told } = await new Promise<Told>((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<Told>) => resolve(data);
      this.#worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`seed ${order.seed}: ${event.message}`));
      };
      this.#worker.postMessage(order);
    });
    const coverage = new Coverage();
    for (const [group, names] of counts) for (const [name, count] of names) coverage.count(group, name, count);
    return { ...told, coverage };
  }

  close(): void {
    this.#worker.terminate();
  }
}

/** The options for the run of a seed. */
export function optionsOf({ seed, simulation }: Order): RunOptions {
  const createStores = storesOf(simulation.store ?? storeKindOf(seed));
  return runOptionsOf({ ...simulation, ...(createStores && { createStores }) });
}

async function outcomeOf(order: Order): Promise<Outcome> {
  const { seed, simulation } = order;
  const { violation, coverage, virtualMs, operations } = await run(drawPlan(seed, simulation), optionsOf(order));
  return { seed, violation, coverage, virtualMs, operations };
}

const scope = globalThis as { WorkerGlobalScope?: unknown; onmessage?: unknown; postMessage?: (told: Told) => void };
if (scope.WorkerGlobalScope) {
  scope.onmessage = async ({ data }: MessageEvent<Order>) => {
    const { coverage, ...outcome } = await outcomeOf(data);
    scope.postMessage!({ ...outcome, counts: coverage.entries() });
  };
}
