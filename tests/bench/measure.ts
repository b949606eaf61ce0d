/**
 * One setting of the bench: warm up, then several rounds, each with all that it cost.
 * @module
 */
import type { ClusterProcess } from "./cluster_process.ts";
import { Callers, type Way } from "./load.ts";
import { growth, readMetrics, type Samples } from "./metrics.ts";
import { cpuMs, machineCpuMs, residentBytes } from "./proc.ts";
import { percentile, type Spread, spread } from "./stats.ts";

/** What is measured. */
export interface Setting {
  readonly way: Way;
  readonly callers: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** What came out, each over the rounds. `null`: this system doesn't tell. */
export interface Measured extends Setting {
  readonly operationsPerSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** CPU time per operation, µs: of the replicas together, and of the process of the clients. */
  readonly replicasCpuUs: Spread | null;
  readonly clientCpuUs: Spread | null;
  /** Share of the machine's CPU that went to processes that have nothing to do with the bench, 0 to 1. */
  readonly disturbance: Spread | null;
  /** Messages that replicas sent, to each other and to clients, per operation, and their bytes. */
  readonly messages: Spread;
  readonly messageBytes: Spread;
  /** Operations per executed batch. */
  readonly batchOperations: Spread;
  /** Resident memory of each replica at the end, bytes. */
  readonly residentBytes: readonly (number | null)[];
  /** Metrics before and after all rounds. */
  readonly metrics: readonly [Samples, Samples];
}

type Round = Readonly<Record<RoundValue, number>>;
type RoundValue =
  | "operationsPerSecond"
  | "p50Ms"
  | "p99Ms"
  | "replicasCpuUs"
  | "clientCpuUs"
  | "disturbance"
  | "messages"
  | "messageBytes"
  | "batchOperations";

/** Share of a round's time that warming up takes, and at least so many seconds. */
const WARM_UP = { share: 0.5, minSeconds: 0.5 };

/** Measures one setting. `progress` is told what is being done. */
export async function measure(
  cluster: ClusterProcess,
  setting: Setting,
  progress: (text: string) => void,
): Promise<Measured> {
  const callers = new Callers(cluster.file, setting.way, setting.callers);
  const name = `${setting.callers} ${setting.way}`;
  try {
    progress(`${name}: warming up`);
    await callers.run(Math.max(WARM_UP.minSeconds, setting.seconds * WARM_UP.share));
    const rounds: Round[] = [];
    const before = await readMetrics(cluster.urls);
    for (let i = 1; i <= setting.rounds; i++) {
      progress(`${name}: round ${i} of ${setting.rounds}`);
      rounds.push(await measureRound(cluster, callers, setting.seconds));
    }
    const after = await readMetrics(cluster.urls);
    return { ...setting, ...summary(cluster, rounds), metrics: [before, after] };
  } finally {
    callers.close();
  }
}

async function measureRound(cluster: ClusterProcess, callers: Callers, seconds: number): Promise<Round> {
  const { pids, urls } = cluster;
  const before = await readMetrics(urls);
  const clocks = () => [cpuMs(pids), cpuMs([Deno.pid]), machineCpuMs()].map((ms) => ms ?? NaN);
  const cpu = clocks();
  const load = await callers.run(seconds);
  const perOperation = (value: number) => value / load.operations;
  const [replicas, client, machine] = clocks().map((ms, i) => ms - cpu[i]!) as [number, number, number];
  const metrics = [before, await readMetrics(urls)] as const;
  return {
    operationsPerSecond: load.operations / load.seconds,
    p50Ms: percentile(load.latencies, 0.5),
    p99Ms: percentile(load.latencies, 0.99),
    replicasCpuUs: perOperation(replicas) * 1000,
    clientCpuUs: perOperation(client) * 1000,
    disturbance: Math.max(0, machine - replicas - client) / (load.seconds * 1000 * navigator.hardwareConcurrency),
    messages: perOperation(growth(metrics, "pbft_messages_total", { direction: "out" })),
    messageBytes: perOperation(growth(metrics, "pbft_message_bytes_total", { direction: "out" })),
    batchOperations: growth(metrics, "pbft_operations_total") / growth(metrics, "pbft_batches_total"),
  };
}

function summary(cluster: ClusterProcess, rounds: readonly Round[]): Omit<Measured, keyof Setting | "metrics"> {
  const over = (value: RoundValue) => spread(rounds.map((round) => round[value]));
  const known = (value: RoundValue) => Number.isNaN(rounds[0]![value]) ? null : over(value);
  return {
    operationsPerSecond: over("operationsPerSecond"),
    p50Ms: over("p50Ms"),
    p99Ms: over("p99Ms"),
    replicasCpuUs: known("replicasCpuUs"),
    clientCpuUs: known("clientCpuUs"),
    disturbance: known("disturbance"),
    messages: over("messages"),
    messageBytes: over("messageBytes"),
    batchOperations: over("batchOperations"),
    residentBytes: cluster.pids.map((pid) => residentBytes(pid)),
  };
}
