/**
 * One setting of the bench: rounds of work, each with all that it cost. With two sides their rounds take turns, so that both meet the same
 * hour of the machine.
 * @module
 */
import type { Side } from "./cluster/side.ts";
import type { Callers, End, Load } from "./load/protocol.ts";
import { growth, readMetrics, type Samples } from "./metrics.ts";
import { cpuMs, machineCpuMs, residentBytes } from "./proc.ts";
import { type Spread, spread } from "./stats.ts";
import { KINDS } from "./work/work.ts";

/** What is measured. */
export interface Setting extends Callers {
  readonly replicas: number;
  /** One-way delays, ms; none without `--wan`. */
  readonly wan: readonly number[];
  /** The share of chunks that come late, 0 to 1. */
  readonly stalls: number;
}

/** How long. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  /** New keys in all rounds together, for work by count. */
  readonly keys: number;
}

/** What a round came to, per operation where that makes sense. `NaN`: this system doesn't tell, or it does not apply. */
export interface Round {
  readonly operationsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly failed: number;
  /** CPU time per operation, µs: of the replicas together, and of the process of the clients. */
  readonly replicasCpuUs: number;
  readonly clientCpuUs: number;
  /** Share of the machine's CPU that went to processes that have nothing to do with the bench, 0 to 1. */
  readonly disturbance: number;
  /** Messages that replicas sent, to each other and to clients, per operation, and their bytes. */
  readonly messages: number;
  readonly messageBytes: number;
  /** Operations per executed batch. */
  readonly batchOperations: number;
  /** Operations that were ordered, per operation: 1 for writes, 0 for reads that need no order. */
  readonly ordered: number;
}

/** What came out, each over the rounds. */
export type Measured = Setting & { readonly [value in keyof Round]: Spread } & {
  /** The checkout. */
  readonly side: string;
  readonly rounds: readonly Round[];
  /** Resident memory of each replica at the end, bytes. */
  readonly residentBytes: readonly (number | null)[];
  /** View changes meanwhile. */
  readonly viewChanges: number;
  /** The first error of an operation, if any. */
  readonly error?: string;
  /** Metrics before and after all rounds. */
  readonly metrics: readonly [Samples, Samples];
};

/** Batches before the first round of a setting: connections, sessions and branches that only this work takes. */
const WARM_UP: End = { batches: 100, seconds: 2, operations: 20_000 };

/** Measures one setting on each side, whose rounds take turns. `progress` is told what is being done. */
export async function measure(
  sides: readonly Side[],
  setting: Setting,
  effort: Effort,
  progress: (text: string) => void,
): Promise<Measured[]> {
  const name = `${setting.callers} ${setting.kind}`;
  const of = sides.map((side) => ({ side, rounds: [] as Round[], errors: [] as string[] }));
  const callers = { kind: setting.kind, callers: setting.callers, payload: setting.payload };
  const byCount = (KINDS[setting.kind] as { readonly byCount?: boolean }).byCount;
  progress(`${name}: warming up`);
  if (!byCount) { for (const { load } of sides) await load.run({ callers, end: WARM_UP }); }
  const before = await Promise.all(sides.map(({ cluster }) => readMetrics(cluster.urls)));
  const end = byCount ? { operations: Math.ceil(effort.keys / effort.rounds) } : { seconds: effort.seconds };
  for (let i = 1; i <= effort.rounds; i++) {
    // Every other round starts with the other side: what drifts meets both alike.
    for (const { side, rounds, errors } of i % 2 === 1 ? of : of.toReversed()) {
      progress(`${name}: round ${i} of ${effort.rounds}${sides.length > 1 ? `, ${side.checkout.name}` : ""}`);
      const { round, error } = await measureRound(side, callers, end);
      rounds.push(round);
      if (error !== undefined) errors.push(error);
    }
  }
  return await Promise.all(of.map(async ({ side, rounds, errors }, i): Promise<Measured> => {
    const metrics = [before[i]!, await readMetrics(side.cluster.urls)] as const;
    return {
      ...setting,
      ...summary(rounds),
      side: side.checkout.name,
      rounds,
      residentBytes: side.cluster.pids.map((pid) => residentBytes(pid)),
      viewChanges: growth(metrics, "pbft_view_changes_total", { phase: "left" }),
      ...(errors[0] !== undefined && { error: errors[0] }),
      metrics,
    };
  }));
}

async function measureRound(
  { cluster, load }: Side,
  callers: Callers,
  end: End,
): Promise<{ readonly round: Round; readonly error?: string }> {
  const before = await readMetrics(cluster.urls);
  const own = [Deno.pid, ...(cluster.proxies ? [cluster.proxies.pid] : [])];
  const clocks = () => [cpuMs(cluster.pids), cpuMs([load.pid]), machineCpuMs(), cpuMs(own)].map((ms) => ms ?? NaN);
  const cpu = clocks();
  const done = await load.run({ callers, end });
  const [replicas, client, machine, bench] = clocks().map((ms, i) => ms - cpu[i]!) as [number, number, number, number];
  const metrics = [before, await readMetrics(cluster.urls)] as const;
  return { round: roundOf(done, { replicas, client, machine: machine - bench, metrics }), error: done.error };
}

interface Cost {
  readonly replicas: number;
  readonly client: number;
  readonly machine: number;
  readonly metrics: readonly [Samples, Samples];
}

function roundOf(load: Load, { replicas, client, machine, metrics }: Cost): Round {
  const perOperation = (value: number) => value / load.operations;
  const members = metrics[0].length;
  const executed = growth(metrics, "pbft_operations_total");
  return {
    operationsPerSecond: load.operations / load.seconds,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    maxMs: load.maxMs,
    failed: load.failed,
    replicasCpuUs: perOperation(replicas) * 1000,
    clientCpuUs: perOperation(client) * 1000,
    disturbance: Math.max(0, machine - replicas - client) / (load.seconds * 1000 * navigator.hardwareConcurrency),
    messages: perOperation(growth(metrics, "pbft_messages_total", { direction: "out" })),
    messageBytes: perOperation(growth(metrics, "pbft_message_bytes_total", { direction: "out" })),
    batchOperations: executed / growth(metrics, "pbft_batches_total"),
    ordered: perOperation(executed / members),
  };
}

function summary(rounds: readonly Round[]): { readonly [value in keyof Round]: Spread } {
  const values = Object.keys(rounds[0]!) as (keyof Round)[];
  const spreads = values.map((value) => [value, spread(rounds.map((round) => round[value]))]);
  return Object.fromEntries(spreads);
}
