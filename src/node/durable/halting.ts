/**
 * Persists that a replica has halted, so that it is halted after a restart too.
 * @module
 */
import { describeThrown } from "../../core/ordering/machine_guard.ts";
import type { Health } from "./health.ts";
import type { Store } from "../ports.ts";
import { markHalted } from "../storage/opening.ts";
import type { Retry } from "../async/retry.ts";

/** Options of {@linkcode keepHalted}. */
export interface Halting {
  readonly store: Store;
  readonly health: Health;
  readonly retry: Retry;
}

/**
 * Writes the reason of the halt to the store; retries until that works, or the replica is closed. `after`: a running
 * commit to wait for.
 */
export async function keepHalted(halting: Halting, reason: string, after: Promise<void> | null): Promise<void> {
  const { store, health, retry } = halting;
  try {
    await after;
    await markHalted(store, reason);
    health.storeError = null;
  } catch (error) {
    if (health.isClosed) return;
    health.failed(error);
    retry.afterError(error, () => keepHalted(halting, reason, null));
  }
}

/** The text of an error, for people. */
export function describe(error: unknown): string {
  return describeThrown(error).error;
}
