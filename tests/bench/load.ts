/**
 * Callers in a closed loop: each waits for its result and asks again.
 * @module
 */
import { Client, type ClusterFile } from "../../src/client/mod.ts";

/** `bundled`: all callers on one client. `alone`: each caller its own client with its own key and signatures. */
export type Way = "bundled" | "alone";

/** What one round of load came to. */
export interface Load {
  readonly operations: number;
  readonly seconds: number;
  /** Of every operation, ascending, ms. */
  readonly latencies: readonly number[];
}

const OPERATION_BYTES = 100;
const KEYS = 10_000;

/** So many callers, with their clients. */
export class Callers {
  readonly #clients: readonly Client[];
  readonly #count: number;

  constructor(cluster: ClusterFile, way: Way, count: number) {
    this.#count = count;
    this.#clients = Array.from({ length: way === "bundled" ? 1 : count }, () => new Client({ cluster }));
  }

  /** Lets all callers work for so long. Rejects if any operation fails. */
  async run(seconds: number): Promise<Load> {
    const latencies: number[] = [];
    const start = performance.now();
    const end = start + seconds * 1000;
    const call = async (caller: number) => {
      const client = this.#clients[caller % this.#clients.length]!;
      for (let before = performance.now(); before < end;) {
        await client.submit(nextOperation());
        const after = performance.now();
        latencies.push(after - before);
        before = after;
      }
    };
    await Promise.all(Array.from({ length: this.#count }, (_, caller) => call(caller)));
    latencies.sort((a, b) => a - b);
    return { operations: latencies.length, seconds: (performance.now() - start) / 1000, latencies };
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

let counter = 0;

/** A SET of 100 bytes to one of many keys. */
function nextOperation(): string {
  const key = `key-${counter++ * 7919 % KEYS}`;
  const operation = { op: "set", key, value: "" };
  const padding = OPERATION_BYTES - JSON.stringify(operation).length;
  return JSON.stringify({ ...operation, value: "v".repeat(padding) });
}
