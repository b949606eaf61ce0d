/**
 * Loads polls with the first query: a page that asks none does without.
 * @module
 */
import type * as Polling from "./poll.ts";

let polls: Promise<typeof Polling> | null = null;

/** The module that polls. */
export function polling(): Promise<typeof Polling> {
  return polls ??= import("./poll.ts");
}
