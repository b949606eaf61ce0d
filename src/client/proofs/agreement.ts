/**
 * When the replies of different replicas agree.
 * @module
 */
import type { Reply } from "../../core/messages/messages.ts";
import { equalResults } from "../../core/messages/tally.ts";

/** A reply whose signature has been verified, and the frame in which it came. */
export interface Vote {
  readonly reply: Reply;
  readonly frame: Uint8Array;
}

/** Whether two replies say the same: equal in all but `replica` and `view`. */
export function agree(a: Reply, b: Reply): boolean {
  return a.request === b.request && equalResults(a.results, b.results);
}
