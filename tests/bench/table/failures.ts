/**
 * What a process that dies or starts costs.
 * @module
 */
import type { Side } from "../cluster/side.ts";

/** In ms. */
export interface Failure {
  /** The longest time without an answer for 50 callers on one client while the primary is killed. */
  readonly pauseMs: number;
  /** From the start of its process until the replica is ready again. */
  readonly readyMs: number;
}

const LOAD_SECONDS = 4;
const BEFORE_KILL_MS = 1_500;

/** Kills the primary under load, and starts it again. */
export async function failPrimary({ cluster, load }: Side): Promise<Failure> {
  const callers = { kind: "bundled", callers: 50, payload: 100 } as const;
  const primary = await primaryOf(cluster.urls, cluster.names);
  const round = load.run({ callers, end: { seconds: LOAD_SECONDS } });
  await new Promise((resolve) => setTimeout(resolve, BEFORE_KILL_MS));
  await cluster.kill(primary);
  const { pauseMs } = await round;
  const began = performance.now();
  cluster.launch(primary, "resume");
  await cluster.untilReady();
  return { pauseMs, readyMs: performance.now() - began };
}

async function primaryOf(urls: readonly string[], names: readonly string[]): Promise<string> {
  const { primary }: { readonly primary: string } = await (await fetch(`${urls[0]}/status`)).json();
  if (!names.includes(primary)) throw new Error(`/status: expected the primary's name, got ${primary}`);
  return primary;
}
