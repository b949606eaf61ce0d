/**
 * The two ways to ask a cluster: signed, with the client library, and unsigned, at `/req` of any replica.
 * @module
 */
import { Client, type ClusterFile } from "../../src/client/mod.ts";

/** How a caller asks. `bundled`: one library client for all; `alone`: one each; `req`: over plain HTTP. */
export type Way = "bundled" | "alone" | "req";

/** All ways. */
export const WAYS: readonly Way[] = ["bundled", "alone", "req"];

/** Somebody who asks one thing after another. */
export interface Caller {
  readonly name: string;
  readonly way: Way;
  /** The state machine's answer, parsed. @throws {Error} if there is none. */
  ask(operation: string): Promise<unknown>;
}

/** An attempt at one gateway that takes longer is given up for another. */
const ATTEMPT_MS = 2_000;
/** Then it is an error, ms. Pauses are shorter by far, but not on a machine with much other work. */
const GIVE_UP_MS = 120_000;
const RETRY_MS = 50;

/**
 * Makes so many callers of a way; `close` ends them. `onRetry` hears why a caller of `/req` asks again: a status, or 0.
 * `gateways`: where the members are now.
 */
export function createCallers(
  cluster: ClusterFile,
  way: Way,
  count: number,
  onRetry: (status: number) => void = () => {},
  gateways: () => readonly string[] = () => Object.values(cluster.urls),
): { callers: Caller[]; close(): void } {
  if (way === "req") {
    const nameOf = () => `req-${crypto.randomUUID()}`;
    return {
      callers: Array.from({ length: count }, (_, i) => unsigned(nameOf(), gateways, i, onRetry)),
      close: () => {},
    };
  }
  const clients = Array.from({ length: way === "bundled" ? 1 : count }, () => {
    return new Client({ cluster, timeoutMs: GIVE_UP_MS });
  });
  const callers = Array.from({ length: count }, (_, i): Caller => {
    const client = clients[i % clients.length]!;
    return { name: `${way}-${i}`, way, ask: (operation) => client.invoke(operation) };
  });
  return { callers, close: () => clients.forEach((client) => client.close()) };
}

/** Asks a gateway, and with the same timestamp another when that one is gone: what was asked runs once all the same. */
function unsigned(
  name: string,
  gateways: () => readonly string[],
  first: number,
  onRetry: (status: number) => void,
): Caller {
  let timestamp = 0;
  let at = first;
  return {
    name,
    way: "req",
    async ask(operation) {
      const body = JSON.stringify({ clientID: name, timestamp: ++timestamp, operation });
      for (const end = performance.now() + GIVE_UP_MS;;) {
        const urls = gateways();
        const answer = await attempt(`${urls[at % urls.length]}/req`, body);
        if (answer.status === 200) return answer.result;
        // 410: it was removed.
        const passing = [0, 410, 429, 503, 504].includes(answer.status);
        if (!passing || performance.now() > end) throw new Error(`${name}: ${answer.status} ${answer.detail}`);
        onRetry(answer.status);
        if (answer.status !== 429) at++;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    },
  };
}

interface Answer {
  /** 0: none. */
  readonly status: number;
  readonly result?: unknown;
  readonly detail?: string;
}

async function attempt(url: string, body: string): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(ATTEMPT_MS),
    });
    return { ...await response.json(), status: response.status };
  } catch (error) {
    return { status: 0, detail: String(error) };
  }
}
