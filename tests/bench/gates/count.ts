/**
 * Counts what an operation costs. `deno run -A tests/bench/gates/count.ts` prints the lines of `gates.ts` anew.
 * @module
 */
import { setOperation } from "../work/operations.ts";
import { type CountedClient, CountedCluster, type Counts, NOTHING } from "./counted_cluster.ts";

const ROUNDS = 40;
const CALLERS = 50;
const BYTES = 100;

type Round = (round: number) => Promise<unknown>;

/** The works, each as what one round does, and how many operations that is. */
const WORKS: Readonly<
  Record<string, { readonly operations: number; readonly start: (cluster: CountedCluster) => Promise<Round> }>
> = {
  "1 caller": {
    operations: 1,
    async start(cluster) {
      const client = await cluster.client(9);
      return (round) => client.submit([operation(round)], second(round));
    },
  },
  "50 callers, bundled": {
    operations: CALLERS,
    async start(cluster) {
      const client = await cluster.client(9);
      return (round) => client.submit(callers((caller) => operation(round * CALLERS + caller)), second(round));
    },
  },
  "50 callers, each signs alone": {
    operations: CALLERS,
    async start(cluster) {
      const clients: CountedClient[] = [];
      for (let caller = 0; caller < CALLERS; caller++) clients.push(await cluster.client(100 + caller));
      return (round) =>
        Promise.all(clients.map((client, i) => client.submit([operation(round * CALLERS + i)], second(i))));
    },
  },
  "50 callers of /req": {
    operations: CALLERS,
    start: (cluster) =>
      Promise.resolve((round: number) =>
        cluster.vouch(callers((caller) => ({
          name: `caller-${caller}`,
          timestamp: round + 1,
          operation: new TextEncoder().encode(operation(round * CALLERS + caller)),
        })))
      ),
  },
};

/** Counts what one operation of a work costs. */
export async function count(work: string): Promise<Counts> {
  const { operations, start } = WORKS[work]!;
  const cluster = await CountedCluster.start();
  try {
    const round = await start(cluster);
    await cluster.settle(round(0));
    const before = { ...cluster.counts };
    for (let i = 1; i <= ROUNDS; i++) await cluster.settle(round(i));
    const each = (name: keyof Counts) => (cluster.counts[name] - before[name]) / (ROUNDS * operations);
    return Object.fromEntries(names.map((name) => [name, Number(each(name).toPrecision(3))])) as unknown as Counts;
  } finally {
    await cluster.close();
  }
}

const names = Object.keys(NOTHING) as (keyof Counts)[];

/** A line of `gates.ts`. */
export function line(work: string, counts: Counts): string {
  return `"${work}": { ${names.map((name) => `${name}: ${counts[name]}`).join(", ")} },`;
}

/** The names of the works. */
export const works: readonly string[] = Object.keys(WORKS);

function callers<T>(of: (caller: number) => T): T[] {
  return Array.from({ length: CALLERS }, (_, caller) => of(caller));
}

function operation(i: number): string {
  return JSON.stringify(setOperation(`key-${i % 1_000}`, BYTES));
}

/** The replica that gets a request beside the primary: another each time. */
function second(i: number): number {
  return 1 + i % 3;
}

if (import.meta.main) {
  for (const work of works) {
    const counts = await count(work);
    console.log(`  ${line(work, counts)}`);
  }
}
