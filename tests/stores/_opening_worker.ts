/** Opens file after file, each at the same moment as the other workers do, and posts what went wrong. */
import { SqliteStore } from "../../src/stores/sqlite.ts";

interface Start {
  readonly paths: readonly string[];
  /** One counter per path; everybody waits until it stands at `workers`. */
  readonly gates: Int32Array;
  readonly workers: number;
}

const port = self as unknown as { onmessage(event: MessageEvent<Start>): void; postMessage(errors: string[]): void };

port.onmessage = async ({ data: { paths, gates, workers } }) => {
  const errors: string[] = [];
  for (const [index, path] of paths.entries()) {
    Atomics.add(gates, index, 1);
    while (Atomics.load(gates, index) < workers);
    try {
      const store = await SqliteStore.open(path);
      await store.close();
    } catch (error) {
      errors.push(String(error));
    }
  }
  port.postMessage(errors);
};
