/**
 * Statements do not name their epoch, and members of a later epoch may sign what belongs to an earlier one.
 * @module
 */
import type { Epoch } from "../../../wire/epochs/epoch.ts";

/**
 * What a proof shows in the first epoch in which it holds, the latest one first.
 * @throws the error of the latest one, if it holds in none.
 */
export async function latestFirst<T>(epochs: readonly Epoch[], prove: (epoch: Epoch) => Promise<T>): Promise<T> {
  let reason: unknown;
  for (const epoch of [...epochs].reverse()) {
    try {
      return await prove(epoch);
    } catch (error) {
      reason ??= error;
    }
  }
  throw reason;
}
