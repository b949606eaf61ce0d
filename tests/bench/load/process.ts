/**
 * The process of the callers, with the client of one checkout: `process.ts DIR CLUSTER_FILE`. Callers are a closed loop: each waits for its
 * result and asks again. Orders come on standard input; the process ends with it.
 * @module
 */
import { pathToFileURL } from "node:url";
import type { ClusterFile } from "../../../src/client/mod.ts";
import { linesOf } from "../../tools/lines.ts";
import { percentile } from "../stats.ts";
import { type BenchClient, KINDS, type Work } from "../work/work.ts";
import type { Callers, End, Load, Order } from "./protocol.ts";

/** After so many failures in a row a caller gives up, so that a round of nothing but failures ends soon. */
const MAX_FAILURES = 3;

/** Lets all callers work until the round ends. */
async function round(work: Work, callers: number, end: End): Promise<Load> {
  const { seconds = Infinity, operations = Infinity, batches = Infinity } = end;
  const latencies: number[] = [];
  const [began, firstErrors] = [performance.now(), [] as string[]];
  let [started, failed, first, latest, lastAt, pauseMs] = [0, 0, Infinity, 0, began, 0];
  const goesOn = () =>
    performance.now() - began < seconds * 1000 && started < operations && !(latest - first >= batches);
  const call = async (caller: number) => {
    for (let failures = 0; failures < MAX_FAILURES && goesOn();) {
      started++;
      const before = performance.now();
      try {
        const { sequence } = (await work.call(caller) ?? {}) as { readonly sequence?: number };
        if (sequence !== undefined) [first, latest] = [Math.min(first, sequence), Math.max(latest, sequence)];
        failures = 0;
      } catch (error) {
        failures++;
        failed++;
        firstErrors.push(String(error));
        continue;
      }
      const now = performance.now();
      latencies.push(now - before);
      pauseMs = Math.max(pauseMs, now - lastAt);
      lastAt = now;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  const took = (performance.now() - began) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  return {
    operations: sorted.length,
    failed,
    seconds: took,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: sorted.at(-1) ?? NaN,
    pauseMs,
    ...(firstErrors[0] !== undefined && { error: firstErrors[0] }),
  };
}

async function main([dir, file]: readonly string[]): Promise<void> {
  const { Client }: { Client: new (options: { readonly cluster: ClusterFile }) => BenchClient } = await import(
    pathToFileURL(`${dir}/src/client/mod.ts`).href
  );
  const cluster: ClusterFile = JSON.parse(await Deno.readTextFile(file!));
  const createClient = () => new Client({ cluster });
  let now: { readonly callers: Callers; readonly work: Work } | null = null;
  for await (const line of linesOf(Deno.stdin.readable)) {
    const { callers, end }: Order = JSON.parse(line);
    if (now === null || JSON.stringify(now.callers) !== JSON.stringify(callers)) {
      now?.work.close();
      now = { callers, work: KINDS[callers.kind].start({ ...callers, cluster, createClient }) };
    }
    console.log(JSON.stringify(await round(now.work, callers.callers, end)));
  }
  Deno.exit(0);
}

if (import.meta.main) await main(Deno.args);
