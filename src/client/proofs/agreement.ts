/**
 * Compares the replies of different replicas.
 * @module
 */
import type { Reply } from "../../core/messages/messages.ts";
import { equalResults } from "../../core/messages/tally.ts";

/** A reply whose signature was verified, and its frame. */
export interface Vote {
  readonly reply: Reply;
  readonly frame: Uint8Array;
}

/** Whether two replies are equal in everything but `replica` and `view`. */
export function agree(a: Reply, b: Reply): boolean {
  return a.request === b.request && equalResults(a.results, b.results);
}
