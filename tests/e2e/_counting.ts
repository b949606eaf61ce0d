/** Callers that count: each adds to a counter of its own again and again, and every result must be the next number. */
import { assertEquals } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { eventually } from "./_cluster_process.ts";

/** A pause after each result. It is most of a caller's time: each operation costs some 10 ms of the processes' CPU, and the tests are long. */
const THINK_MS = 150;
/** Of the refusals that a caller meets, this many are kept: the last ones. */
const MAX_REFUSALS = 12;

/** A caller. */
export interface Counting {
  /** How often it has counted. */
  readonly count: number;
  /** The longest time between two results, ms. */
  readonly longestMs: number;
  /** What went wrong: nothing may. */
  readonly errors: readonly string[];
  /** The last refusals that it met, and after which it asked again: for whoever wonders why there is no result. */
  readonly refusals: readonly string[];
  resetPause(): void;
  stop(): Promise<void>;
}

/** By the client library. */
export function byClient(cluster: ClusterFile, key = "by-client"): Counting {
  const client = new Client({ cluster, timeoutMs: 120_000 });
  return counting(async () => Number(await client.invoke(`INCR ${key}`)), () => client.close(), []);
}

/** By `POST /req`, at any of the members that `urls` names; one that has left or stops says so, and another one is asked. */
export function byReq(urls: () => readonly string[], key = "by-req"): Counting {
  let timestamp = 0;
  let at = 0;
  const refusals: string[] = [];
  const refused = (url: string, why: string) => {
    refusals.push(`at count ${timestamp}, by ${url}: ${why}`);
    if (refusals.length > MAX_REFUSALS) refusals.shift();
  };
  return counting(
    async () => {
      timestamp++;
      const body = JSON.stringify({ clientID: key, timestamp, operation: `INCR ${key}` });
      for (const until = Date.now() + 120_000; Date.now() < until;) {
        const all = urls();
        const url = all[at % all.length]!;
        try {
          const response = await fetch(`${url}/req`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body,
            signal: AbortSignal.timeout(5_000),
          });
          const text = await response.text();
          const said = `${response.status} ${text.trim()}`;
          if (![200, 410, 503, 504].includes(response.status)) throw new Error(`${url} answers ${said}`);
          if (response.ok) return Number(JSON.parse(text).result);
          refused(url, said);
        } catch (error) {
          if (!(error instanceof TypeError) && (error as Error).name !== "TimeoutError") throw error;
          refused(url, String(error));
        }
        at++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error("no answer");
    },
    () => {},
    refusals,
  );
}

/** Both callers of one cluster: by the library, and by `POST /req`. */
export interface Callers {
  readonly library: Counting;
  readonly req: Counting;
}

/**
 * Waits until both have got `more` further results. `about` tells of the members, if they don't.
 * @throws at once if a caller has an error.
 */
export async function busy({ library, req }: Callers, about?: () => Promise<string>, more = 5): Promise<void> {
  const before = [library.count, req.count];
  const errors = () => [...library.errors, ...req.errors];
  const go = () => library.count > before[0]! + more && req.count > before[1]! + more;
  try {
    await eventually("both callers go on", () => go() || errors().length > 0);
    assertEquals(errors(), []);
  } catch (error) {
    const counts = `by the library ${before[0]} and then ${library.count}, by /req ${before[1]} and then ${req.count}`;
    console.error([`Results: ${counts}. Refusals:`, ...req.refusals, await about?.() ?? ""].join("\n"));
    throw error;
  }
}

/**
 * Runs a change, and prints the longest time for which each caller waited for a result meanwhile, until both go on. Times are
 * shown and not checked, because other work on the machine decides them.
 */
export async function withPauses<T>(what: string, callers: Callers, change: () => Promise<T>): Promise<T> {
  const { library, req } = callers;
  for (const caller of [library, req]) caller.resetPause();
  const result = await change();
  await busy(callers);
  const [byLibrary, byReq] = [library, req].map(({ longestMs }) => longestMs.toFixed(0));
  console.log(`    ${what}: the longest wait by the library was ${byLibrary} ms, by /req ${byReq} ms`);
  return result;
}

function counting(add: () => Promise<number>, close: () => void, refusals: readonly string[]): Counting {
  let [count, longestMs, isOver, last] = [0, 0, false, performance.now()];
  const errors: string[] = [];
  const running = (async () => {
    while (!isOver) {
      try {
        const result = await add();
        count++;
        if (result !== count) errors.push(`expected ${count}, got ${result}`);
      } catch (error) {
        errors.push(String(error));
        break;
      }
      longestMs = Math.max(longestMs, performance.now() - last);
      await new Promise((resolve) => setTimeout(resolve, THINK_MS));
      last = performance.now();
    }
    close();
  })();
  return {
    get count() {
      return count;
    },
    get longestMs() {
      return longestMs;
    },
    errors,
    refusals,
    resetPause: () => longestMs = 0,
    async stop() {
      isOver = true;
      await running;
    },
  };
}
