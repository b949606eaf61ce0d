/** The plug is pulled on every process at once, again and again: what was acknowledged is there, nothing runs twice. */
import { assert, assertEquals } from "@std/assert";
import { createCluster, writeCluster } from "../../src/cli/local_cluster/data.ts";
import { type Answer, ClusterProcess } from "./_cluster_process.ts";
import { inFolder } from "../tools/folder.ts";
import { freePorts } from "../tools/ports.ts";

/** The simulator cuts the power of all thousands of times. */
const ROUNDS = 12;
const WORKERS = 8;
/** A checkpoint every so many batches. */
const INTERVAL = 16;
/** Acknowledgements after which the plug is pulled, at least and at most: before, at and after some checkpoints. */
const LOAD = { min: 10, max: 100 };

/**
 * One client. Its n-th operation is `SET value n` for an odd n and `INCR count` for an even one; it sends the next one only when
 * it has the answer, and whatever it has no answer to it sends again, with the same timestamp.
 */
class Worker {
  /** Operations that were acknowledged. */
  acknowledged = 0;

  constructor(readonly id: number) {}

  get acknowledgedValue(): number {
    return this.acknowledged - (1 - this.acknowledged % 2);
  }

  get acknowledgedCount(): number {
    return Math.floor(this.acknowledged / 2);
  }

  /** One operation at a replica; throws if there is no answer. */
  async next(cluster: ClusterProcess): Promise<void> {
    const n = this.acknowledged + 1;
    const name = cluster.names[(this.id + n) % cluster.names.length]!;
    const operation = n % 2 === 1 ? `SET value${this.id} ${n}` : `INCR count${this.id}`;
    const answer = await cluster.req(name, { clientID: `worker ${this.id}`, timestamp: n, operation });
    if (answer.status === 503 || answer.status === 504) throw new Error(`${answer.status}`);
    // The counter says how often the operation has run: each one exactly once.
    assertEquals([answer.status, answer.result], [200, n % 2 === 1 ? "OK" : n / 2], JSON.stringify(answer));
    this.acknowledged = n;
  }

  /** Operations until the cluster is gone. */
  async work(cluster: ClusterProcess, onAcknowledged: () => void): Promise<void> {
    for (;;) {
      try {
        await this.next(cluster);
      } catch (error) {
        if (error instanceof Error && error.name === "AssertionError") throw error;
        return;
      }
      onAcknowledged();
    }
  }

  /** What a restarted cluster holds: all that was acknowledged, and perhaps the one operation that was under way. */
  async check(cluster: ClusterProcess, reader: string): Promise<void> {
    const read = (key: string) => cluster.req(reader, { clientID: "auditor", operation: `GET ${key}${this.id}` });
    const [value, count] = [await read("value"), await read("count")].map(toNumber);
    const n = this.acknowledged + 1;
    const valueMay = n % 2 === 1 ? [Math.max(this.acknowledgedValue, 0), n] : [this.acknowledgedValue];
    const countMay = n % 2 === 0 ? [this.acknowledgedCount, n / 2] : [this.acknowledgedCount];
    assert(valueMay.includes(value!), `value${this.id}: ${valueMay} was acknowledged, ${value} is there`);
    assert(countMay.includes(count!), `count${this.id}: ${countMay} was acknowledged, ${count} is there`);
  }
}

function toNumber({ status, result }: Answer): number {
  assertEquals(status, 200);
  return Number(result ?? 0);
}

/** Lets the workers work, and pulls the plug on all after so many acknowledgements. */
async function loadAndKill(cluster: ClusterProcess, workers: readonly Worker[], load: number): Promise<void> {
  let left = load;
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const working = Promise.all(workers.map((worker) => worker.work(cluster, () => --left <= 0 && resolve())));
  await Promise.race([enough, working]);
  await cluster.killAll();
  await working;
  assert(left <= 0, "the workers gave up before the plug was pulled");
}

Deno.test(`kill -9 of every process under load, ${ROUNDS} times: every acknowledged SET is there, nothing runs twice`, async () => {
  await inFolder(async (folder) => {
    const ports = freePorts(4);
    const made = createCluster(folder, ports.length, (index) => `http://127.0.0.1:${ports[index]}`);
    const genesis = { ...made.genesis, checkpointInterval: INTERVAL, logWindow: 4 * INTERVAL };
    writeCluster(folder, { ...made, genesis });
    const workers = Array.from({ length: WORKERS }, (_, id) => new Worker(id));
    for (let round = 0; round <= ROUNDS; round++) {
      const cluster = await ClusterProcess.start(folder);
      try {
        for (const worker of workers) await worker.check(cluster, cluster.names[(round + worker.id) % 4]!);
        // Spread from few to many, so that the plug is pulled before, at and after checkpoints.
        const load = LOAD.min + Math.floor((LOAD.max - LOAD.min) * ((round * 7) % ROUNDS) / ROUNDS);
        if (round < ROUNDS) await loadAndKill(cluster, workers, load);
      } catch (error) {
        console.error(`round ${round}\n${[...cluster.command.out.all, ...cluster.command.err.all].join("\n")}`);
        throw error;
      } finally {
        if (round < ROUNDS) await cluster.killAll();
        else assertEquals(await cluster.interrupt(), 0);
      }
    }
  });
});
