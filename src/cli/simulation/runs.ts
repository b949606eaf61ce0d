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
  type Workload,
} from "../../testing/mod.ts";
import { holdGlobals, watchLoading } from "../../guard/globals.ts";
import { Random } from "../../testing/random.ts";
import { CliError, EXIT } from "../cli_error.ts";
import type { MachineFile } from "../machine/inspect.ts";
import { type LoadedMachine, loadMachine } from "../machine/load.ts";
import { type StoreKind, storeKindOf, storesOf } from "./real_stores.ts";
import { Slate } from "./slate.ts";
import { type Found, STUCK_SECONDS, watchForStuck } from "./stuck.ts";
import { watchedMaker, watchedWorkload } from "./watched.ts";
import { answerOrders, startThread, type Thread } from "./worker.ts";

/** The outcome of one seed. */
export interface Outcome {
  readonly seed: number;
  readonly replicas: number;
  readonly violation: Found | null;
  /** A call of the user's machine did not come back: this thread must not run the seed. */
  readonly isStuck?: boolean;
  readonly coverage: Coverage;
  readonly virtualMs: number;
  readonly operations: number;
}

/** What to simulate. It can be sent to a worker. */
export interface Simulation extends Pick<SimulateOptions, "profile" | "replicas" | "kinds"> {
  /** The kind of store. By default the seed decides. */
  readonly store?: StoreKind;
  /** A machine of the user's own. By default the key-value machine. */
  readonly machine?: MachineFile;
  /**
   * A call of the machine that takes longer counts as one that does not come back, seconds ({@linkcode STUCK_SECONDS}).
   */
  readonly stuckAfter?: number;
}

/** The messages to and from a worker. */
interface Order {
  readonly seed: number;
  readonly simulation: Simulation;
  /** Where the worker writes what it calls of the user's machine. */
  readonly slate?: SharedArrayBuffer;
}
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

/** One worker, and the next one after a call that does not come back. */
class Runner {
  #thread: Thread<Order, Told> | null = null;
  #stopWatching: () => void = () => {};

  async run(order: Order): Promise<Outcome> {
    const slate = new Slate();
    this.#thread ??= startThread<Order, Told>(import.meta.url);
    const answered = this.#thread.ask({ ...order, slate: slate.memory });
    const stuck = new Promise<Outcome>((resolve) => {
      const seconds = order.simulation.stuckAfter ?? STUCK_SECONDS;
      this.#stopWatching = watchForStuck(slate, seconds, (violation) => {
        this.close();
        resolve(stuckOutcome(order, violation));
      });
    });
    try {
      return await Promise.race([answered.then(outcomeFrom), stuck]);
    } finally {
      this.#stopWatching();
    }
  }

  close(): void {
    this.#stopWatching();
    this.#thread?.close();
    this.#thread = null;
  }
}

function outcomeFrom({ counts, ...told }: Told): Outcome {
  const coverage = new Coverage();
  for (const [group, names] of counts) for (const [name, count] of names) coverage.count(group, name, count);
  return { ...told, coverage };
}

function stuckOutcome({ seed, simulation }: Order, violation: Found): Outcome {
  const { replicas } = drawPlan(seed, simulation);
  return { seed, replicas, violation, isStuck: true, coverage: new Coverage(), virtualMs: 0, operations: 0 };
}

/** The options for the run of a seed. @throws {CliError} if the machine of a file cannot be simulated. */
export async function optionsOf({ seed, simulation, slate }: Order): Promise<RunOptions> {
  const createStores = storesOf(simulation.store ?? storeKindOf(seed));
  const machine = simulation.machine && await simulatedMachine(simulation.machine, new Slate(slate));
  return runOptionsOf({
    ...simulation,
    ...(createStores && { createStores }),
    ...(machine && { stateMachine: machine.create, workload: machine.workload }),
  });
}

/**
 * After this many machines, some are made by a module that is loaded anew for each run, so that it remembers no earlier
 * calls.
 */
const BEFORE_LATE = 40;
let runs = 0;

/**
 * The machine of a file, and its workload. Replicas use different copies of the module, as processes would: two copies
 * take turns, and a third one comes late. Each copy sees other clocks and random numbers while it is loaded. These
 * follow from seeds.
 */
async function simulatedMachine(
  { path, exportName }: MachineFile,
  slate: Slate,
): Promise<Pick<LoadedMachine, "create"> & { readonly workload: Workload }> {
  holdGlobals(); // Before it is loaded: a module may keep functions such as Date.now.
  const load = async (seed: number, copy: number = seed) => {
    slate.begin("loading", null);
    const loaded = await watchLoading(new Random(seed), () => loadMachine(path, exportName, copy));
    slate.end();
    return loaded;
  };
  const [one, other, late] = [await load(0), await load(1), await load(2, 2 + runs++)];
  const { workload, exportName: found, version } = one;
  if (!workload) {
    throw new CliError(`${path}: expected an export named workload, got none`, EXIT.usage, {
      looked: `${found} makes ${version}`,
      next: "export const workload = { operation: (random, id) => bytes }, the operations to try; of a typed machine " +
        "machine.encode(NAME, INPUT) gives the bytes (docs/state_machine.md)",
    });
  }
  let made = 0;
  const next = () => {
    const modules = made++ < BEFORE_LATE ? [other, one] : [other, one, late];
    return modules[made % modules.length]!;
  };
  const create = watchedMaker(() => next().create(), slate);
  return { create, workload: watchedWorkload(workload, slate) };
}

async function outcomeOf(order: Order): Promise<Told> {
  const { seed, simulation } = order;
  const plan = drawPlan(seed, simulation);
  const { violation, coverage, virtualMs, operations } = await run(plan, await optionsOf(order));
  return { seed, replicas: plan.replicas, violation, virtualMs, operations, counts: coverage.entries() };
}

answerOrders(outcomeOf);
