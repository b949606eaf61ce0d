/** Callers that count: each adds to a counter of its own again and again, and every result must be the next number. */
import { Client } from "../../src/client/mod.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";

/** A pause after each result: cores are left for others. */
const THINK_MS = 50;

/** A caller. */
export interface Counting {
  /** How often it has counted. */
  readonly count: number;
  /** The longest time between two results, ms. */
  readonly longestMs: number;
  /** What went wrong: nothing may. */
  readonly errors: readonly string[];
  resetPause(): void;
  stop(): Promise<void>;
}

/** By the client library. */
export function byClient(cluster: ClusterFile, key = "by-client"): Counting {
  const client = new Client({ cluster, timeoutMs: 120_000 });
  return counting(async () => Number(await client.invoke(`INCR ${key}`)), () => client.close());
}

/** By `POST /req`, at any of the members that `urls` names; one that has left or stops says so, and another one is asked. */
export function byReq(urls: () => readonly string[], key = "by-req"): Counting {
  let timestamp = 0;
  let at = 0;
  return counting(async () => {
    timestamp++;
    const body = JSON.stringify({ clientID: key, timestamp, operation: `INCR ${key}` });
    for (const until = Date.now() + 120_000; Date.now() < until;) {
      const all = urls();
      try {
        const response = await fetch(`${all[at % all.length]}/req`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
          signal: AbortSignal.timeout(5_000),
        });
        const answer = await response.json();
        if (response.ok) return Number(answer.result);
        if (![410, 503, 504].includes(response.status)) throw new Error(`${response.status}: ${answer.detail}`);
      } catch (error) {
        if (!(error instanceof TypeError) && (error as Error).name !== "TimeoutError") throw error;
      }
      at++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("no answer");
  }, () => {});
}

function counting(add: () => Promise<number>, close: () => void): Counting {
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
    resetPause: () => longestMs = 0,
    async stop() {
      isOver = true;
      await running;
    },
  };
}
