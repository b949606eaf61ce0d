/**
 * A replica that stops for good makes sure that a restart finds it stopped too.
 * @module
 */
import { describeThrown } from "../../core/ordering/machine_guard.ts";
import type { Health } from "./health.ts";
import type { Store } from "../ports.ts";
import { markHalted } from "../storage/opening.ts";
import type { Retry } from "../async/retry.ts";

/** What it takes. */
export interface Halting {
  readonly store: Store;
  readonly health: Health;
  readonly retry: Retry;
}

/** Writes why it halted, again and again until the store takes it, or the replica is closed. `after`: what is under way to the store. */
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

/** What was thrown, for people. */
export function describe(error: unknown): string {
  return describeThrown(error).error;
}
